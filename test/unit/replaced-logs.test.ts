import { describe, expect, test } from 'vitest';
import { FakeNode, noWishes } from '../support/fake-node.ts';
import { messageAt } from '../support/imported-messages.ts';

/** Puts a log in place of the namespace's, as another node would whose announcements take their time. */
async function replaceBy(node: FakeNode, ...places: readonly string[]): Promise<void> {
  const session = await node.store.beginImport('default', { replace: true });
  await session.add(places.map((place) => messageAt(place)));
  await session.commit();
}

const fromTheStart = { lastEventId: 0 };

describe('A replacement that is announced late', () => {
  test('ends the subscriptions of the old log, and none that began in the new one.', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 2);
    const ofOld = await node.subscribe(fromTheStart);
    await node.settle();
    node.store.holdAnnouncements();
    await node.append('a-1');
    await replaceBy(node, 'a-1/0@1', 'a-1/1@9');
    const ofNew = await node.subscribe(fromTheStart);
    await node.settle();
    node.store.resumeAnnouncements();
    await node.append('a-1');
    await node.settle();
    expect([ofOld.subscription.closeReason, ofOld.sink.positions]).toEqual(['log-replaced', [1, 2, 3]]);
    expect([ofNew.subscription.state, ofNew.sink.positions]).toEqual(['live', [1, 9, 10]]);
  });

  test('is noticed at a heartbeat that tells the head, which would be one of another log.', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 2);
    const { sink, subscription } = await node.subscribe({ wishes: { ...noWishes, heads: true } });
    await node.settle();
    node.store.holdAnnouncements();
    await replaceBy(node, 'b-1/0@1');
    subscription.beat();
    await node.settle();
    expect([subscription.closeReason, sink.stream.events]).toEqual([
      'log-replaced',
      [{ type: 'end', data: '{"code":"log-replaced"}', lastEventId: '' }],
    ]);
  });

  test('ends nobody of another namespace.', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 2);
    await node.append('a-1', 1, 'other');
    const elsewhere = await node.subscribe({ namespace: 'other' });
    await node.settle();
    node.store.holdAnnouncements();
    await replaceBy(node, 'b-1/0@1');
    node.store.resumeAnnouncements();
    await node.settle();
    expect([elsewhere.subscription.state, node.closed]).toEqual(['live', []]);
  });
});
