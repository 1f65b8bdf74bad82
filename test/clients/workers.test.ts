import { describe, expect, test, vi } from 'vitest';
import { type CheckpointStore, connect, type Message, memoryCheckpoint } from '../../src/client/client.ts';
import { fileCheckpoint } from '../../src/client/node.ts';
import { streamCheckpoint } from '../../src/client/stream-checkpoint.ts';
import { HostileProxy } from '../support/hostile-proxy.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { describeStores } from './store-servers.ts';

const quick = ['--retry-min-ms', '1', '--retry-max-ms', '2'];
const retry = { minMs: 1, maxMs: 5 };
const patience = { timeout: 60_000, interval: 10 };
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index + 1);
const messages = (count: number) => Array.from({ length: count }, (_, n) => ({ type: 'Counted', data: { n } }));

/** A handler that records its messages. */
function notes() {
  const positions: number[] = [];
  return { positions, handler: ({ globalPosition }: Message) => void positions.push(globalPosition) };
}

describeStores('with messages in %s, a worker', (start) => {
  test('handles existing and new messages in order, and continues where it stopped', async ({ expect }) => {
    await using app = await start(quick);
    const pokewire = connect(app.url);
    const checkpoint = memoryCheckpoint();
    await pokewire.append('account-1', messages(250));
    const first = notes();
    const worker = pokewire.consume({ category: 'account' }, first.handler, { checkpoint });
    await expect.poll(() => first.positions.length, patience).toBe(250);
    await pokewire.append('account-2', messages(5));
    await expect.poll(() => first.positions.length, patience).toBe(255);
    await worker.stop();
    expect(first.positions).toEqual(upTo(255));
    expect(await checkpoint.load()).toMatchObject({ position: 255, epoch: expect.any(String) });

    await pokewire.append('account-2', messages(5));
    const second = notes();
    await using _worker = pokewire.consume({ category: 'account' }, second.handler, { checkpoint });
    await expect.poll(() => second.positions, patience).toEqual([256, 257, 258, 259, 260]);
  });

  test('loses and repeats nothing while its connections are cut repeatedly', async ({ expect }) => {
    await using app = await start(quick);
    const pokewire = connect(app.url);
    await using proxy = await HostileProxy.open(app.port, (request) =>
      request < 200 ? (request % 3 === 0 ? { status: 502 } : { cutAfterBytes: request * 7 }) : undefined,
    );
    const { positions, handler } = notes();
    const options = { checkpoint: memoryCheckpoint(), batchSize: 7 };
    await using _worker = connect(proxy.url, { retry }).consume({ category: 'account' }, handler, options);
    for (let n = 0; n < 20; n++) await pokewire.append(`account-${n % 3}`, messages(5));
    await expect.poll(() => positions.length, patience).toBe(100);
    expect(positions).toEqual(upTo(100));
  });
});

describe('a worker', () => {
  test('without a checkpoint or a group reports that it needs one', async () => {
    // A call that untyped JavaScript may make.
    const { done } = connect('http://localhost:1').consume({ category: 'account' }, () => {}, undefined as never);
    await expect(done).rejects.toThrow('consume needs a checkpoint, such as memoryCheckpoint(), or the group');
  });

  test('of a consumer group handles the share of its member', async () => {
    await using app = await startTestApp();
    const pokewire = connect(app.url);
    for (let n = 0; n < 20; n++) await pokewire.append(`account-${n}`, messages(1));
    const shares = [0, 1, 2].map((consumer) => {
      const noted = notes();
      const options = { checkpoint: memoryCheckpoint() };
      return { ...noted, worker: pokewire.consume({ category: 'account', consumer, size: 3 }, noted.handler, options) };
    });
    const all = () => shares.flatMap(({ positions }) => positions).sort((a, b) => a - b);
    await expect.poll(all, patience).toEqual(upTo(20));
    for (const { worker } of shares) await worker.stop();
  });

  test('starts after the head if requested, and remembers that', async () => {
    await using app = await startTestApp();
    const pokewire = connect(app.url);
    await pokewire.append('account-1', messages(3));
    const checkpoint = memoryCheckpoint();
    const { positions, handler } = notes();
    await using _worker = pokewire.consume({ category: 'account' }, handler, { checkpoint, position: 'head' });
    await expect.poll(() => checkpoint.load(), patience).toMatchObject({ position: 3 });
    await pokewire.append('account-1', messages(1));
    await expect.poll(() => positions, patience).toEqual([4]);
  });

  test('redelivers a message until its handler resolves, and none after it in the meantime', async () => {
    await using app = await startTestApp();
    const pokewire = connect(app.url);
    await pokewire.append('account-1', messages(2));
    const tried: string[] = [];
    const handler = ({ globalPosition }: Message, { attempt }: { attempt: number }) => {
      tried.push(`${globalPosition} ${attempt}`);
      if (globalPosition === 1 && attempt < 3) throw new Error('not yet');
    };
    await using _worker = pokewire.consume({ category: 'account' }, handler, { checkpoint: memoryCheckpoint(), retry });
    await expect.poll(() => tried, patience).toEqual(['1 1', '1 2', '1 3', '2 1']);
  });

  test('stops at a poison message, and starts with it the next time', async () => {
    await using app = await startTestApp();
    const pokewire = connect(app.url);
    await pokewire.append('account-1', messages(3));
    const checkpoint = memoryCheckpoint();
    const poison = new Error('poison');
    const handler = ({ globalPosition }: Message) => {
      if (globalPosition === 2) throw poison;
    };
    const worker = pokewire.consume({ category: 'account' }, handler, { checkpoint, retry, maxAttempts: 2 });
    await expect(worker.done).rejects.toMatchObject({
      code: 'POISON',
      cause: poison,
      details: { stream: 'account-1', position: 1, globalPosition: 2 },
    });
    expect(await checkpoint.load()).toMatchObject({ position: 1 });
  });

  test('parks the stream of a poison message, continues with others, and resumes it in order', async () => {
    await using app = await startTestApp();
    const pokewire = connect(app.url);
    for (const stream of ['account-1', 'account-2', 'account-1', 'account-2'])
      await pokewire.append(stream, messages(1));
    const checkpoint = memoryCheckpoint();
    const handled: number[] = [];
    const parked: number[] = [];
    let isMended = false;
    const handler = ({ globalPosition }: Message) => {
      if (globalPosition === 1 && !isMended) throw new Error('poison');
      handled.push(globalPosition);
    };
    await using worker = pokewire.consume({ category: 'account' }, handler, {
      checkpoint,
      retry,
      maxAttempts: 2,
      onPoison: 'park',
      onParked: ({ globalPosition }) => parked.push(globalPosition),
    });
    await expect.poll(() => checkpoint.load(), patience).toMatchObject({ position: 4, parked: { 'account-1': 1 } });
    expect(handled).toEqual([2, 4]);
    expect(parked).toEqual([1]);
    worker.retryParked();
    await expect.poll(() => parked, patience).toEqual([1, 1]);
    isMended = true;
    worker.retryParked('account-1');
    await expect
      .poll(() => checkpoint.load(), patience)
      .toEqual({ position: 4, epoch: expect.any(String), parked: {} });
    expect(handled).toEqual([2, 4, 1, 3]);
  });

  test('waits for the running handler when it is stopped', async () => {
    await using app = await startTestApp();
    const pokewire = connect(app.url);
    await pokewire.append('account-1', messages(2));
    const checkpoint = memoryCheckpoint();
    const begun = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const handler = async () => {
      begun.resolve();
      await held.promise;
    };
    const worker = pokewire.consume({ category: 'account' }, handler, { checkpoint });
    await begun.promise;
    const stopped = worker.stop();
    held.resolve();
    await stopped;
    expect(await checkpoint.load()).toMatchObject({ position: 1 });
  });

  test.each(['stop', 'replay'] as const)('handles a replaced log as configured: %s', async (onReset) => {
    const first = await startTestApp(quick);
    await connect(first.url).append('account-1', messages(3));
    const checkpoint = memoryCheckpoint();
    const { positions, handler } = notes();
    const options = { checkpoint, onReset };
    const worker = connect(first.url, { retry }).consume({ category: 'account' }, handler, options);
    // Attached early, because the worker may end before the append is answered, and its rejection would be unhandled.
    const why = worker.done.catch((error: unknown) => error);
    await expect.poll(() => positions, patience).toEqual([1, 2, 3]);
    await first.close();
    await using second = await startTestApp([...quick, '--port', String(first.port)]);
    await second.append('account-2', messages(5));
    if (onReset === 'stop') {
      expect(await why).toMatchObject({ code: 'RESET', details: { reason: 'other-epoch' } });
      expect(positions).toEqual([1, 2, 3]);
    } else {
      await expect.poll(() => positions, patience).toEqual([1, 2, 3, 1, 2, 3, 4, 5]);
      await worker.stop();
    }
  });

  test('handles no message of a new log that answers its reads before the subscription notices', async () => {
    await using subscribed = await startTestApp(quick);
    await using read = await startTestApp(quick);
    await read.append('account-1', messages(3));
    let answers = 0;
    const send: typeof fetch = async (input, init) => {
      const url = String(input);
      if (url.includes('/subscribe')) return fetch(url, init);
      const answer = await fetch(url.replace(subscribed.url, read.url), init);
      answers++;
      return answer;
    };
    const { positions, handler } = notes();
    const options = { checkpoint: memoryCheckpoint() };
    const worker = connect(subscribed.url, { retry, fetch: send }).consume({ category: 'account' }, handler, options);
    await expect.poll(() => answers, patience).toBeGreaterThan(1);
    await worker.stop();
    expect(positions).toEqual([]);
  });

  /** Lets retention delete all but the last messages of the category. */
  async function forgetAllBut(app: TestApp, maxMessages: number): Promise<void> {
    const headers = { 'content-type': 'application/json' };
    const body = JSON.stringify({ maxMessages });
    await fetch(`${app.url}/categories/account/retention`, { method: 'PUT', headers, body });
    const count = async () => (await app.get('/streams/account-1')).body.messageCount;
    await expect.poll(count, patience).toBe(maxMessages);
  }

  test.each(['stop', 'replay'] as const)(
    'that retention overtakes acts as configured, although its subscription is ahead: %s',
    async (onReset) => {
      await using app = await startTestApp(quick);
      const pokewire = connect(app.url);
      await pokewire.append('account-1', messages(30));
      const { positions, handler } = notes();
      const begun = Promise.withResolvers<void>();
      const held = Promise.withResolvers<void>();
      const slow = async (message: Message) => {
        handler(message);
        begun.resolve();
        await held.promise;
      };
      const options = { checkpoint: memoryCheckpoint(), batchSize: 5, onReset };
      const worker = pokewire.consume({ category: 'account' }, slow, options);
      const why = worker.done.catch((error: unknown) => error);
      await begun.promise;
      await forgetAllBut(app, 3);
      held.resolve();
      if (onReset === 'stop') {
        const details = { reason: 'forgotten', lost: { from: 6, to: 27 }, replayFrom: 28 };
        expect(await why).toMatchObject({ code: 'RESET', details });
        expect(positions).toEqual(upTo(5));
      } else {
        await expect.poll(() => positions, patience).toEqual([...upTo(5), 28, 29, 30]);
        await worker.stop();
      }
    },
  );

  test('that starts over accepts that retention deleted earlier messages', async () => {
    await using app = await startTestApp(quick);
    const pokewire = connect(app.url);
    await pokewire.append('account-1', messages(30));
    await forgetAllBut(app, 3);
    const { positions, handler } = notes();
    await using _worker = pokewire.consume({ category: 'account' }, handler, { checkpoint: memoryCheckpoint() });
    await expect.poll(() => positions, patience).toEqual([28, 29, 30]);
  });

  test('continues when its callbacks throw', async () => {
    await using app = await startTestApp(quick);
    const thrown: unknown[] = [];
    const queue = queueMicrotask;
    using _queued = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((task) =>
      queue(() => {
        try {
          task();
        } catch (error) {
          thrown.push(error);
        }
      }),
    );
    const pokewire = connect(app.url);
    for (const stream of ['account-1', 'account-2']) await pokewire.append(stream, messages(1));
    const handled: number[] = [];
    const ofUser = (name: string) => () => {
      throw new Error(name);
    };
    await using _worker = pokewire.consume(
      { category: 'account' },
      ({ globalPosition }) => {
        if (globalPosition === 1) throw new Error('poison');
        handled.push(globalPosition);
      },
      {
        checkpoint: memoryCheckpoint(),
        retry,
        maxAttempts: 2,
        onPoison: 'park',
        onState: ofUser('onState'),
        onError: ofUser('onError'),
        onParked: ofUser('onParked'),
      },
    );
    await expect.poll(() => handled, patience).toEqual([2]);
    await pokewire.append('account-3', messages(1));
    await expect.poll(() => handled, patience).toEqual([2, 3]);
    const names = new Set(thrown.map((error) => (error as Error).message));
    expect(names).toEqual(new Set(['onState', 'onError', 'onParked']));
  });

  test('ends on a permanent refusal by the server', async () => {
    await using app = await startTestApp(['--auth', 'token']);
    const options = { checkpoint: memoryCheckpoint() };
    const worker = connect(app.url, { token: 'none' }).consume({ category: 'account' }, () => {}, options);
    await expect(worker.done).rejects.toMatchObject({ code: 'AUTH_INVALID_TOKEN', status: 401 });
  });
});

describe('a checkpoint', () => {
  const checkpoint = { position: 7, epoch: 'e', parked: { 'account-1': 3 } };

  async function expectKept(store: CheckpointStore, reopened: () => CheckpointStore) {
    expect(await store.load()).toBeUndefined();
    await store.save({ position: 1 });
    await store.save(checkpoint);
    expect(await reopened().load()).toEqual(checkpoint);
  }

  test('is kept in memory', async () => {
    const store = memoryCheckpoint();
    await expectKept(store, () => store);
  });

  test('is kept in a file', async () => {
    using folder = new TemporaryFolder();
    const store = () => fileCheckpoint(folder.file('checkpoint.json'));
    await expectKept(store(), store);
  });

  test('is kept in a stream where Eventide finds it', async () => {
    await using app = await startTestApp();
    const pokewire = connect(app.url);
    const store = () => streamCheckpoint(pokewire, 'account', 'worker-1');
    await expectKept(store(), store);
    const { body } = await app.get('/streams/account:position-worker-1/messages/last');
    expect(body).toMatchObject({ type: 'Recorded', data: checkpoint, position: 1 });
  });

  test('in a stream refuses a second worker', async () => {
    await using app = await startTestApp();
    const pokewire = connect(app.url);
    const [first, second] = [streamCheckpoint(pokewire, 'account', 'a'), streamCheckpoint(pokewire, 'account', 'a')];
    await first.load();
    await second.load();
    await first.save({ position: 1 });
    await expect(second.save({ position: 2 })).rejects.toMatchObject({ code: 'STREAM_VERSION_CONFLICT' });
  });
});
