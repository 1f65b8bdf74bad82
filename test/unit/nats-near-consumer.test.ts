import { describe, expect, test } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import { HeaderCursor } from '../../src/store/nats/header-cursor.ts';
import { LogStream } from '../../src/store/nats/log-stream.ts';
import type { NatsLink } from '../../src/store/nats/nats-link.ts';

/**
 * A cluster that places consumers on these servers, one after another, and this node's connection to the server `a`;
 * `!`: it refuses.
 */
function clusterWith(leaders: (string | undefined)[]) {
  const created: string[] = [];
  const deleted: string[] = [];
  const pulled: string[] = [];
  const filters: (readonly string[] | undefined)[] = [];
  const nameOf = (subject: string) => subject.slice(subject.lastIndexOf('.') + 1);
  const link = {
    requests: 0,
    inbox: () => 'inbox',
    connection: {
      info: { server_name: 'a' },
      isClosed: () => false,
      subscribe: () => ({ unsubscribe() {} }),
      publish: (subject: string) => void (subject.includes('.DELETE.') ? deleted : pulled).push(nameOf(subject)),
    },
    async api(subject: string, { config }: { config: { filter_subjects?: readonly string[] } }) {
      filters.push(config.filter_subjects);
      const leader = leaders[created.length];
      created.push(nameOf(subject));
      if (leader === '!') throw new Error('refused');
      return leader === undefined ? {} : { cluster: { leader } };
    },
  };
  const log = new LogStream(link as unknown as NatsLink, 'test', 'log' as LogId, () => {});
  const open = (subjects: readonly string[] = []) => HeaderCursor.open(log, subjects, 0, () => undefined);
  return { created, deleted, pulled, filters, open };
}

describe('A long read of NATS', () => {
  test('continues with a consumer on the server that the node is connected to', async () => {
    const { created, deleted, pulled, open } = clusterWith(['b', 'c', 'a']);
    const cursor = await open();
    await cursor.moveNear();
    void cursor.pull(1).catch(() => {});
    expect(pulled).toEqual([created[2]]);
    expect(deleted.toSorted()).toEqual(created.slice(0, 2).toSorted());
    await cursor.moveNear();
    expect(created).toHaveLength(3);
  });

  test.each([
    ['it is there already', ['a'], 1],
    ['there is no cluster', [undefined], 1],
    ['the servers refuse another one', ['b', '!'], 2],
    ['the cluster has its servers elsewhere', ['b', 'b', 'b', 'b', 'b', 'b'], 6],
  ])('keeps its consumer when %s', async (_when, leaders, count) => {
    const { created, deleted, pulled, open } = clusterWith(leaders);
    const cursor = await open();
    await cursor.moveNear();
    void cursor.pull(1).catch(() => {});
    expect(created).toHaveLength(count);
    expect(pulled).toEqual([created[0]]);
    expect(deleted).not.toContain(created[0]);
    cursor.close();
    expect(deleted).toContain(created[0]);
  });

  test.each([
    ['continues without filters', ['a', 'a'], 1],
    ['continues without filters on a server that is nearer', ['b', 'b', 'a'], 2],
    ['keeps its filters when the servers refuse a consumer without', ['a', '!'], 0],
  ])('%s', async (_what, leaders, used) => {
    const { created, pulled, filters, open } = clusterWith(leaders);
    const cursor = await open(['log.a.*']);
    await cursor.readEverything();
    void cursor.pull(1).catch(() => {});
    expect(pulled).toEqual([created[used]]);
    expect(filters).toEqual([['log.a.*'], ...leaders.slice(1).map(() => undefined)]);
    cursor.close();
  });
});
