import { describe, expect, test } from 'vitest';
import { parseCursor, tagOf } from '../../src/sse/cursor.ts';
import { newLogId } from '../../src/store/log-id.ts';
import { positionIn } from '../support/cursors.ts';
import { selectionOf } from '../support/fake-messages.ts';
import { type Asked, FakeNode } from '../support/fake-node.ts';
import type { FakeSink } from '../support/fake-sink.ts';
import { forgetAll } from '../support/forget-all.ts';
import { EventStreamParser } from '../support/sse-client.ts';

const otherTag = tagOf(newLogId());
const ofA = selectionOf({ categories: ['a'] });
const wishes = { hello: true, heads: false, conflated: false, heartbeatMs: undefined };

const typesIn = (sink: FakeSink) => sink.stream.events.map(({ type }) => type);

/** A node with ten messages, all of which retention has deleted. */
async function emptiedNode(): Promise<FakeNode> {
  const node = new FakeNode();
  await node.append('a-1', 10);
  node.store.forgottenUpTo = 10;
  return node;
}

/** A node with ten messages. */
async function filledNode(): Promise<FakeNode> {
  const node = new FakeNode();
  await node.append('a-1', 10);
  return node;
}

async function subscribe(node: FakeNode, asked: Asked): Promise<FakeSink> {
  const { sink } = await node.subscribe({ wishes, ...asked });
  await node.settle();
  return sink;
}

/** A subscriber without a new id asks again as before, like an `EventSource`. */
function again(asked: Asked, lastEventId: string): Asked {
  return lastEventId === '' ? asked : { ...asked, lastEventId: parseCursor(lastEventId) };
}

const kinds: readonly [string, Asked, () => Promise<FakeNode>, string][] = [
  ['an id before the messages that are kept', { selection: ofA, lastEventId: 3 }, emptiedNode, 'forgotten'],
  ['a position before them', { selection: ofA, position: 4 }, emptiedNode, 'forgotten'],
  ['an id of another log', { lastEventId: { globalPosition: 3, tag: otherTag } }, emptiedNode, 'other-epoch'],
  ['an id beyond the head', { selection: ofA, lastEventId: 99 }, emptiedNode, 'cursor-ahead'],
  ['an id that is no cursor', { selection: ofA, lastEventId: 'unknown' }, emptiedNode, 'other-epoch'],
  ['the epoch of another log', { selection: ofA, epoch: 'old' }, emptiedNode, 'other-epoch'],
  ['the epoch of another log and a position', { position: 4, epoch: 'old' }, filledNode, 'other-epoch'],
  [
    'the epoch of another log and a stream position',
    { selection: selectionOf({ streams: ['a-1'] }), position: 4, epoch: 'old' },
    filledNode,
    'other-epoch',
  ],
];

describe.each(kinds)('A reset for %s', (_what, asked, open, reason) => {
  test('is sent once, because its id moves the cursor of a subscriber that receives nothing else.', async () => {
    await using node = await open();
    // The connection breaks directly after the reset.
    const { events } = (await subscribe(node, asked)).stream;
    expect(events.slice(0, 2).map(({ type }) => type)).toEqual(['hello', 'reset']);
    expect(JSON.parse(events[1]!.data)).toMatchObject({ reason });
    expect(events[0]!.lastEventId).toBe('');
    let { lastEventId } = events[1]!;
    for (let time = 0; time < 2; time++) {
      const sink = await subscribe(node, again(asked, lastEventId));
      expect(typesIn(sink)).not.toContain('reset');
      expect(sink.positions).toEqual(open === filledNode ? [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] : []);
      ({ lastEventId } = sink.stream.events[0]!);
    }
  });

  test('is sent again if the connection breaks before its last byte.', async () => {
    await using node = await open();
    const { body } = await subscribe(node, asked);
    const end = body.indexOf('\n\n', body.indexOf('event: reset')) + 2;
    for (let bytes = body.indexOf('event: hello'); bytes < end; bytes++) {
      const cut = new EventStreamParser();
      cut.push(body.subarray(0, bytes));
      expect(cut.lastEventId).toBe('');
    }
    // Some clients take an id as soon as its line is complete: only the blank line follows.
    expect(body.subarray(0, end).toString()).toMatch(/\}\nid: \d+-[0-9a-f]{12}\n\n$/);
    const sink = await subscribe(node, again(asked, ''));
    expect(typesIn(sink).slice(0, 2)).toEqual(['hello', 'reset']);
  });
});

describe('A reset', () => {
  test('names what was deleted from the selection itself, even for a cursor of another log.', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 10);
    await node.append('b-1', 10);
    const namespace = await node.store.namespace('default');
    await node.store.namespaces.setRetention(namespace, 'b', { maxMessages: 2 });
    await forgetAll(node.store);
    const sink = await subscribe(node, { selection: ofA, lastEventId: { globalPosition: 30, tag: otherTag } });
    const reset = sink.stream.events[1]!;
    expect(JSON.parse(reset.data)).toMatchObject({ reason: 'other-epoch', replayFrom: 1 });
    expect([positionIn(reset.lastEventId), sink.positions.length]).toEqual([0, 10]);
  });

  test('is repeated if messages are left among the deleted ones, which would be skipped otherwise.', async () => {
    await using node = new FakeNode();
    await node.append('a-1', 2);
    await node.append('b-1', 10);
    const namespace = await node.store.namespace('default');
    await node.store.namespaces.setRetention(namespace, 'b', { maxMessages: 2 });
    await forgetAll(node.store);
    const sink = await subscribe(node, { lastEventId: 1 });
    const reset = sink.stream.events[1]!;
    expect(JSON.parse(reset.data)).toMatchObject({ lost: { from: 2, to: 10 }, replayFrom: 11 });
    expect([positionIn(reset.lastEventId), sink.positions]).toEqual([0, [1, 2, 11, 12]]);
    const next = await subscribe(node, again({}, reset.lastEventId));
    expect([typesIn(next)[1], next.positions]).toEqual(['reset', [1, 2, 11, 12]]);
  });

  test('that follows another one names only what was deleted since.', async () => {
    await using node = await emptiedNode();
    const first = await subscribe(node, { selection: ofA, lastEventId: 3 });
    await node.append('a-1', 10);
    node.store.forgottenUpTo = 15;
    node.look();
    await node.settle();
    const second = await subscribe(node, again({ selection: ofA }, first.stream.events[1]!.lastEventId));
    expect(JSON.parse(second.stream.events[1]!.data)).toMatchObject({ lost: { from: 11, to: 15 }, replayFrom: 16 });
  });

  test('waits for a store that answers late.', async () => {
    await using node = await emptiedNode();
    await node.subscribe();
    await node.settle();
    node.store.holdReads();
    const { sink } = await node.subscribe({ wishes, lastEventId: 3 });
    expect(typesIn(sink)).toEqual([]);
    node.store.answerReads();
    await node.settle();
    expect(typesIn(sink)).toEqual(['hello', 'reset']);
  });
});
