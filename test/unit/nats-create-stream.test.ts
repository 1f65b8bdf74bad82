import { afterEach, expect, test, vi } from 'vitest';
import { createStream } from '../../src/store/nats/create-stream.ts';
import { JetStreamRefusal } from '../../src/store/nats/nats-faults.ts';
import type { NatsLink } from '../../src/store/nats/nats-link.ts';

const offline = () => new JetStreamRefusal(10_005, 'no suitable peers for placement, peer offline');

afterEach(() => void vi.restoreAllMocks());

/**
 * A link whose requests are refused with these errors, one after another, and then repeatedly with the last one;
 * undefined: accepted.
 */
function linkThat(...refusals: readonly (Error | undefined)[]) {
  const asked: string[] = [];
  const api = async (name: string) => {
    asked.push(name);
    const refusal = refusals[Math.min(asked.length, refusals.length) - 1];
    if (refusal !== undefined) throw refusal;
  };
  return { asked, link: { api } as unknown as NatsLink };
}

test('A stream is created once the servers no longer consider each other offline.', async () => {
  const { asked, link } = linkThat(offline(), offline(), undefined);
  await createStream(link, 'a', {});
  expect(asked).toEqual(Array(3).fill('STREAM.CREATE.a'));
});

test('A server that stays offline is reported after ten seconds.', async () => {
  const { asked, link } = linkThat(offline());
  let nowMs = 0;
  // Each reading of the clock is four seconds after the previous one.
  vi.spyOn(performance, 'now').mockImplementation(() => (nowMs += 4_000));
  await expect(createStream(link, 'a', {})).rejects.toMatchObject({ code: 10_005 });
  expect(asked).toHaveLength(3);
});

test.each([
  ['too few servers', new JetStreamRefusal(10_005, 'no suitable peers for placement')],
  ['another refusal', new JetStreamRefusal(10_058, 'stream name already in use')],
])('A refusal for %s is not repeated.', async (_what, refusal) => {
  const { asked, link } = linkThat(refusal, undefined);
  await expect(createStream(link, 'a', {})).rejects.toBe(refusal);
  expect(asked).toHaveLength(1);
});
