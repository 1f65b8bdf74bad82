import { expect, test, vi } from 'vitest';
import { connect, type LiveOptions } from '../../src/client/client.ts';
import { framesOf, ScriptedServer, settle, useFakeClock } from './scripted-server.ts';

const log = framesOf('aaaa-1111');

useFakeClock();

/** A live value; `answer` settles the oldest pending fetch. */
async function watch(options: LiveOptions = {}) {
  const server = new ScriptedServer();
  const fetches: PromiseWithResolvers<string>[] = [];
  const values: string[] = [];
  const live = connect('http://server.test', { fetch: server.fetch }).live(
    { stream: 'account-7' },
    () => {
      const fetching = Promise.withResolvers<string>();
      fetches.push(fetching);
      return fetching.promise;
    },
    (value) => values.push(value),
    options,
  );
  const answer = async (value: string) => {
    fetches.at(-1)!.resolve(value);
    await settle();
  };
  await settle();
  return { server, fetches, values, live, answer };
}

/** Starts the stream after the head. */
async function begin(server: ScriptedServer) {
  await server.nth(1).open(log.hello(5));
  return server.nth(2).open(log.hello(5, 5));
}

test('A live value is fetched for the first time when its subscription has begun.', async () => {
  const { server, fetches, values, answer } = await watch();
  expect(fetches.length).toBe(0);
  await begin(server);
  expect(fetches.length).toBe(1);
  await answer('a');
  expect(values).toEqual(['a']);
});

test('A burst of pokes causes one more fetch after the running one.', async () => {
  const { server, fetches, values, answer } = await watch();
  const stream = await begin(server);
  await answer('a');
  for (let n = 0; n < 10; n++) await stream.send(log.poke('account-7', n, 6 + n));
  expect(fetches.length).toBe(2);
  await answer('b');
  expect(fetches.length).toBe(3);
  await answer('c');
  expect(fetches.length).toBe(3);
  expect(values).toEqual(['a', 'b', 'c']);
});

test('A failed fetch is reported and retried.', async () => {
  const onError = vi.fn();
  const { server, fetches, values, answer } = await watch({ onError });
  await begin(server);
  fetches[0]!.reject(new Error('no'));
  await settle();
  expect(onError).toHaveBeenCalledWith(new Error('no'));
  expect(fetches.length).toBe(1);
  await vi.advanceTimersByTimeAsync(250);
  expect(fetches.length).toBe(2);
  await answer('a');
  expect(values).toEqual(['a']);
});

test('If no stream begins, the first fetch waits only briefly, and is repeated when one has begun.', async () => {
  const { server, fetches, answer } = await watch();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(fetches.length).toBe(1);
  await answer('a');
  await begin(server);
  expect(fetches.length).toBe(2);
});

test('While the server is unreachable, each failed attempt is followed by a fetch, but the loss itself is not.', async () => {
  const { server, fetches, answer } = await watch();
  const stream = await begin(server);
  await answer('a');
  await stream.cut();
  expect(fetches.length).toBe(1);
  await vi.advanceTimersByTimeAsync(3_000);
  await server.nth(3).page(502);
  expect(fetches.length).toBe(2);
});

test('Another log is reported, and its value is fetched.', async () => {
  const onReset = vi.fn();
  const { server, fetches, answer } = await watch({ onReset });
  const stream = await begin(server);
  await answer('a');
  await stream.cut();
  await vi.advanceTimersByTimeAsync(3_000);
  const other = framesOf('bbbb-2222');
  await server.nth(3).open(other.hello(0) + other.reset('other-epoch', { from: 6 }));
  expect(onReset).toHaveBeenCalledTimes(1);
  expect(fetches.length).toBe(2);
});

test('A closed live value delivers no value, and sends no requests.', async () => {
  const { server, fetches, values, live, answer } = await watch();
  const stream = await begin(server);
  live.close();
  await answer('late');
  expect(values).toEqual([]);
  expect(stream.isAborted).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(fetches.length).toBe(1);
});
