import { describe, expect, test } from 'vitest';
import type { Poke } from '../../src/message/poke.ts';
import type { ObjectPool } from '../../src/pool/object-pool.ts';
import type { Announcement } from '../../src/store/log.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { OpenedStore } from '../contract/opened-store.ts';
import { ReferenceFollower } from '../contract/reference-follower.ts';
import { placesOf, textOf } from '../contract/whole-log.ts';
import { everything, newMessages, pokePool } from '../support/fake-messages.ts';
import type { FaultClock } from '../support/unreliable-calls.ts';
import { noFaults, type UnreliableSettings, UnreliableStore } from '../support/unreliable-store.ts';

/** A clock that stands still until advanced. */
class TestClock implements FaultClock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();

  /** Number of timers set and not run yet. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { at: this.#nowMs + ms, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  advance(ms: number): void {
    this.#nowMs += ms;
    const due = [...this.#timers].filter(({ at }) => at <= this.#nowMs).sort((a, b) => a.at - b.at);
    for (const timer of due) if (this.#timers.delete(timer)) timer.run();
  }
}

type Opened = { readonly opened: OpenedStore; readonly store: UnreliableStore; readonly clock: TestClock };

/** A memory store with only these faults. Its own namespaces create the log, so that opening it does not fail. */
async function openWith(faults: Partial<UnreliableSettings>, pool: ObjectPool<Poke> = pokePool()): Promise<Opened> {
  const clock = new TestClock();
  const memory = new MemoryStore(new MemoryStorage(), pool);
  await OpenedStore.over(memory, pool);
  const store = new UnreliableStore(memory, { seed: 7, ...noFaults, clock, ...faults });
  return { opened: await OpenedStore.over(store, pool), store, clock };
}

/** The announcements that a follower receives: the pokes of a page as one text, or the kind of announcement. */
function listen({ opened }: Opened): string[] {
  const heard: string[] = [];
  opened.log.follow((announcement) => heard.push(textOfAnnouncement(announcement)));
  return heard;
}

function textOfAnnouncement(announcement: Announcement): string {
  if (announcement === 'wake-up') return announcement;
  const { after, upTo, pokes } = announcement;
  return `${after}–${upTo}: ${pokes.map(textOf).join(' ')}`;
}

describe('An unreliable store', () => {
  test('without faults announces and answers like the original store.', async () => {
    const unreliable = await openWith({});
    await using opened = unreliable.opened;
    const heard = listen(unreliable);
    await opened.append('a-1', 2);
    expect(heard).toEqual(['0–2: a-1/0@1 a-1/1@2']);
    expect(await opened.pokes(everything)).toEqual(['a-1/0@1', 'a-1/1@2']);
  });

  test.each<[string, Partial<UnreliableSettings>, string[]]>([
    ['loses', { lost: 1 }, []],
    ['doubles', { doubled: 1 }, ['0–1: a-1/0@1', '0–1: a-1/0@1', '1–2: a-1/1@2', '1–2: a-1/1@2']],
    ['empties', { empty: 1 }, ['1–1: ', '0–1: a-1/0@1', '2–2: ', '1–2: a-1/1@2']],
    ['takes the pokes from', { wakeUps: 1 }, ['wake-up', 'wake-up']],
  ])('%s announcements.', async (_what, faults, expected) => {
    const unreliable = await openWith(faults);
    await using opened = unreliable.opened;
    const heard = listen(unreliable);
    await opened.append('a-1');
    await opened.append('a-1');
    expect(heard).toEqual(expected);
  });

  test('reorders announcements.', async () => {
    const unreliable = await openWith({ reordered: 0.5 });
    await using opened = unreliable.opened;
    const heard = listen(unreliable);
    for (let count = 0; count < 20; count++) await opened.append('a-1');
    unreliable.store.mend();
    const inOrder = (await opened.pokes(everything)).map((poke, after) => `${after}–${after + 1}: ${poke}`);
    expect(heard).not.toEqual(inOrder);
    expect(heard.toSorted()).toEqual(inOrder.toSorted());
  });

  test('delays announcements, each by its own time, and none for longer than permitted.', async () => {
    const unreliable = await openWith({ delayed: 1, maxDelayMs: 500 });
    await using opened = unreliable.opened;
    const heard = listen(unreliable);
    for (let count = 0; count < 20; count++) await opened.append('a-1');
    expect(heard).toEqual([]);
    unreliable.clock.advance(500);
    expect(heard.length).toBe(20);
    expect(heard).not.toEqual([...heard].sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10)));
  });

  test('splits pages so that each is complete in its range.', async () => {
    const unreliable = await openWith({ cut: 1 });
    await using opened = unreliable.opened;
    const pages: { after: number; upTo: number; positions: number[] }[] = [];
    opened.log.follow((announcement) => {
      if (announcement === 'wake-up') return;
      const { after, upTo, pokes } = announcement;
      pages.push({ after, upTo, positions: pokes.map(({ globalPosition }) => globalPosition) });
    });
    for (let count = 0; count < 40; count++) await opened.append('a-1', 5);
    expect(pages.length).toBe(80);
    for (const { after, upTo, positions } of pages) {
      expect(positions).toEqual(Array.from({ length: upTo - after }, (_value, index) => after + index + 1));
    }
  });

  test('invalidates the pokes that a follower kept.', async () => {
    const unreliable = await openWith({});
    await using opened = unreliable.opened;
    const kept: Poke[] = [];
    opened.log.follow((announcement) => {
      if (announcement !== 'wake-up') kept.push(...announcement.pokes);
    });
    await opened.append('a-1', 2);
    expect(kept.map(textOf)).toEqual(['kept-poke/-1@-1', 'kept-poke/-1@-1']);
  });

  test('fails reads of the log and releases their pokes, and fails nothing else.', async () => {
    const unreliable = await openWith({ failedReads: 1 });
    await using opened = unreliable.opened;
    await opened.append('a-1', 2);
    const reads = [
      () => opened.log.pokes(everything, 0, 10),
      () => opened.log.bounds(),
      () => opened.log.last(everything, 0, 10),
      () => opened.log.version('a-1'),
      () => opened.log.readStream('a-1', { position: 0 }, 10),
      () => opened.log.readLast('a-1', undefined),
    ];
    for (const read of reads) await expect(read()).rejects.toMatchObject({ code: 'BACKEND_ERROR' });
    expect(opened.pool.stats.leased).toBe(0);
    expect((await opened.log.append('a-1', newMessages(1), 1)).outcome).toBe('appended');
    expect(unreliable.store.calls.failed).toEqual({ read: 6, outage: 0, lostAnswer: 0 });
  });

  test('loses the answer of an append only if configured to, and has then stored it.', async () => {
    const unreliable = await openWith({ losesAnswers: 1 });
    await using opened = unreliable.opened;
    await expect(opened.append('a-1', 2)).rejects.toMatchObject({ code: 'BACKEND_ERROR' });
    expect(await opened.head()).toBe(2);
  });

  test('fails every call in an outage, before it has an effect, and none afterwards.', async () => {
    const unreliable = await openWith({ outageMs: 2_000, hangMs: 0 });
    await using opened = unreliable.opened;
    const heard = listen(unreliable);
    unreliable.store.calls.beginOutage();
    const failed = { code: 'BACKEND_ERROR' };
    const calls = [
      () => opened.append('a-1'),
      () => opened.log.bounds(),
      () => opened.log.beginImport(),
      () => opened.store.check(),
      () => opened.store.namespaces.find('default'),
      () => opened.store.namespaces.changesSince(undefined),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject(failed);
    unreliable.clock.advance(1_999);
    await expect(opened.append('a-1')).rejects.toMatchObject(failed);
    unreliable.clock.advance(1);
    expect([await opened.append('a-1'), heard.length]).toEqual([1, 1]);
  });

  test('begins outages at random.', async () => {
    const unreliable = await openWith({ outageEveryMs: 10_000, outageMs: 2_000 });
    await using _ = unreliable.opened;
    let outMs = 0;
    for (let ms = 0; ms < 100_000; ms += 100) {
      unreliable.clock.advance(100);
      if (unreliable.store.calls.isOut) outMs += 100;
    }
    expect(outMs).toBeGreaterThan(8_000);
    expect(outMs).toBeLessThan(32_000);
  });

  test('is reliable once it is mended: late announcements are made, and hanging calls fail.', async () => {
    const unreliable = await openWith({ delayed: 1, failedReads: 1, slowReadMs: 50, hangMs: 1_000 });
    await using opened = unreliable.opened;
    const heard = listen(unreliable);
    await opened.append('a-1');
    await opened.append('a-1');
    const slow = opened.log.bounds();
    unreliable.store.calls.beginOutage();
    const hanging = Promise.allSettled(Array.from({ length: 10 }, () => opened.store.check()));
    unreliable.store.mend();
    expect(heard).toEqual(['0–1: a-1/0@1', '1–2: a-1/1@2']);
    expect((await slow).head).toBe(2);
    expect((await hanging).every(({ status }) => status === 'rejected')).toBe(true);
    await opened.append('a-1');
    expect(heard.at(-1)).toBe('2–3: a-1/2@3');
    expect(unreliable.clock.pending).toBe(0);
  });

  test('announces nothing to a follower that has stopped, and nothing after it was closed.', async () => {
    const unreliable = await openWith({ delayed: 1 });
    await using opened = unreliable.opened;
    let announcements = 0;
    const stop = opened.log.follow(() => announcements++);
    opened.log.follow(() => announcements++);
    await opened.append('a-1');
    stop();
    await opened.close();
    unreliable.clock.advance(500);
    expect([announcements, unreliable.clock.pending]).toEqual([0, 0]);
  });

  test('has the same faults for the same seed.', async () => {
    const runs = [];
    for (const seed of [1, 1, 2]) {
      const unreliable = await openWith({ lost: 0.3, doubled: 0.2, cut: 0.3, delayed: 0.5, seed });
      await using opened = unreliable.opened;
      const heard = listen(unreliable);
      for (let count = 0; count < 30; count++) {
        await opened.append('a-1');
        unreliable.clock.advance(100);
      }
      runs.push(heard);
    }
    expect(runs[0]).toEqual(runs[1]);
    expect(runs[0]).not.toEqual(runs[2]);
  });
});

describe('A follower that continues from its own head', () => {
  test('receives everything once and in order from an unreliable store, while two handles append.', async () => {
    const pool = pokePool();
    const storage = new MemoryStorage();
    await using writer = await OpenedStore.over(new MemoryStore(storage, pool), pool);
    const store = new UnreliableStore(new MemoryStore(storage, pool), {
      maxDelayMs: 20,
      slowReadMs: 2,
      outageEveryMs: 0,
    });
    await using opened = await OpenedStore.over(store, pool);
    const followers = [0, 1, 2].map(() => new ReferenceFollower(opened.log));
    const writers = Array.from({ length: 64 }, async (_value, index) => {
      for (let time = 0; time < 10; time++) {
        await [opened, writer][index % 2]!.append(`a-${index % 5}`, 1 + (time % 2));
        await new Promise((resolve) => setImmediate(resolve));
      }
    });
    await Promise.all(writers);
    store.mend();
    const log = placesOf(await writer.messages());
    expect(log.length).toBe(960);
    for (const follower of followers) expect(await follower.finish()).toEqual(log);
    const { heard, lost, doubled, delayed, cut } = store.announcements;
    for (const count of [heard, lost, doubled, delayed, cut]) expect(count).toBeGreaterThan(50);
  });
});
