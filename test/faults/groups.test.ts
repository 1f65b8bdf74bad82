import { describe, expect, test } from 'vitest';
import { Background } from './groups/background.ts';
import { faultMix, GroupFaults } from './groups/group-faults.ts';
import { Site } from './groups/site.ts';
import { groupStores } from './groups/stores.ts';

/** Faults without waiting times: an evicted member may rejoin only when its lease has expired. */
const mix = faultMix
  .filter(([, name]) => name !== 'evict')
  .map(([weight, name]) => [name === 'join' || name === 'leave' ? weight / 4 : weight, name] as const);

/** Over NATS, test/nats/group-nodes.test.ts already kills nodes and servers in CI. */
const stores = Object.entries(groupStores).filter(([name]) => name !== 'nats');

/** The minimum number of faults, however slow the machine is. */
const fewest = 30;
const times = { longestMs: 2_000, slowMs: 500, appendEveryMs: 50 };

/** `npm run groups:faults` is the long run; this one has the same parts. */
describe.each(stores)('Members of groups in processes of their own over %s', (_name, start) => {
  const title =
    'handle every message, each stream in order and by one owner, whatever faults the members, nodes and store have';
  test.skipIf(typeof start === 'string')(
    typeof start === 'string' ? `${title} (${start}).` : `${title}.`,
    { timeout: 300_000 },
    async () => {
      const seed = Date.now() % 2 ** 31;
      await using store = await (start as Exclude<typeof start, string>)();
      const sizes = { groups: 2, processes: 3, mostMembers: 4 };
      const isEnough = ({ faults }: GroupFaults) => faults >= fewest;
      const faults = new GroupFaults({ ...times, ...sizes, store, mix, isEnough, rate: 12, seed });
      await faults.run(AbortSignal.timeout(120_000));
      expect(faults.problems, `seed ${seed}`).toEqual([]);
      expect(faults.missing).toBe(0);
      // Otherwise the test would have checked nothing.
      expect(faults.faults).toBeGreaterThanOrEqual(fewest);
      expect(faults.appended).toBeGreaterThan(0);
    },
  );
});

test('The sink refuses a handler that was frozen until another member had handled its message, and nothing is lost or out of order.', {
  timeout: 300_000,
}, async () => {
  const seed = Date.now() % 2 ** 31;
  await using store = await (groupStores.sqlite as Exclude<(typeof groupStores)[string], string>)();
  const mix = [[2, 'join'] as const, [1, 'leave'] as const, [1, 'stop in a handler'] as const];
  const sizes = { groups: 1, processes: 4, mostMembers: 6 };
  const isEnough = ({ refused }: GroupFaults) => refused > 0;
  const faults = new GroupFaults({ ...times, ...sizes, store, mix, isEnough, rate: 5, seed });
  await faults.run(AbortSignal.timeout(200_000));
  expect(faults.problems, `seed ${seed}`).toEqual([]);
  expect(faults.missing).toBe(0);
  expect(faults.refused).toBeGreaterThan(0);
});

test('A node that ends unexpectedly is reported with its last log lines, and started again.', async () => {
  const crashed = Promise.withResolvers<string>();
  const failures: unknown[] = [];
  const background = new Background((error) => failures.push(error));
  const way = { url: 'memory:', cut: () => {}, mend: () => {} };
  const store = { ways: [way], longestMs: 0, [Symbol.asyncDispose]: async () => {} };
  await using site = await Site.start({ store, background, longestMs: 0, crashed: crashed.resolve });
  process.kill(site.pids[0]!, 'SIGKILL');
  expect(await crashed.promise).toMatch(/^node-1: it ended with a signal:\n.*listening/s);
  await background.heal();
  expect(failures).toEqual([]);
  const response = await fetch(`http://127.0.0.1:${site.ports[0]}/ready`);
  expect(response.status).toBe(200);
  await response.text();
});
