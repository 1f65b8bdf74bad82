import { setImmediate as nextTurn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ReadSlots } from '../../src/hub/read-slots.ts';

const maxReads = 16;

/** Reads answered by the test, by log. */
class Reads {
  readonly slots = new ReadSlots();
  readonly underWay: { readonly log: string; readonly end: (error?: Error) => void }[] = [];
  most = 0;
  done = 0;
  failed = 0;
  readonly #logs = new Map<string, object>();

  ask(log: string): void {
    const of = this.#logs.getOrInsertComputed(log, () => ({}));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const read = () => {
      const end = (error?: Error) => {
        this.underWay.splice(this.underWay.indexOf(one), 1);
        if (error === undefined) resolve();
        else reject(error);
      };
      const one = { log, end };
      this.underWay.push(one);
      this.most = Math.max(this.most, this.underWay.length);
      return promise;
    };
    this.slots.run(of, read).then(
      () => this.done++,
      () => this.failed++,
    );
  }

  /** Ends the current reads, and lets the next ones start. */
  async endRound(error?: Error): Promise<void> {
    for (const { end } of [...this.underWay]) end(error);
    await nextTurn();
    await nextTurn();
  }
}

describe('Slots for reads', () => {
  test('run 16 reads concurrently, and every read is run', async () => {
    const reads = new Reads();
    for (let n = 0; n < 100; n++) reads.ask('a');
    await nextTurn();
    const before = [reads.underWay.length, reads.slots.waiting];
    while (reads.done < 100) await reads.endRound();
    expect([before, reads.most, reads.slots.waiting]).toEqual([[maxReads, 100 - maxReads], maxReads, 0]);
  });

  test('are given to the waiting logs round robin, so that a thousand reads of one do not delay another', async () => {
    const reads = new Reads();
    for (let n = 0; n < 1_000; n++) reads.ask('busy');
    await nextTurn();
    reads.ask('quiet');
    const before = reads.underWay.map(({ log }) => log);
    await reads.endRound();
    expect([before.includes('quiet'), reads.underWay.map(({ log }) => log).includes('quiet')]).toEqual([false, true]);
    while (reads.underWay.length > 0) await reads.endRound();
  });

  test('are shared evenly by logs that all have many reads', async () => {
    const reads = new Reads();
    for (const log of ['a', 'b', 'c', 'd']) for (let n = 0; n < 100; n++) reads.ask(log);
    await nextTurn();
    await reads.endRound();
    await reads.endRound();
    const counts = Map.groupBy(reads.underWay, ({ log }) => log);
    expect([...counts.values()].map(({ length }) => length)).toEqual([4, 4, 4, 4]);
    while (reads.underWay.length > 0) await reads.endRound();
  });

  test('are free again after a read rejects', async () => {
    const reads = new Reads();
    for (let n = 0; n < 40; n++) reads.ask('a');
    await nextTurn();
    while (reads.underWay.length > 0) await reads.endRound(new Error('disk'));
    reads.ask('a');
    await nextTurn();
    expect([reads.failed, reads.underWay.length]).toEqual([40, 1]);
    await reads.endRound();
  });

  test('are free again after a read throws before it begins', async () => {
    const slots = new ReadSlots();
    const log = {};
    const failing = Array.from({ length: 40 }, () =>
      slots.run(log, () => {
        throw new Error('closed');
      }),
    );
    expect((await Promise.allSettled(failing)).every(({ status }) => status === 'rejected')).toBe(true);
    expect(await slots.run(log, async () => 'read')).toBe('read');
  });

  test('let other work run while a store answers synchronously', async () => {
    const slots = new ReadSlots();
    const log = {};
    let done = 0;
    const all = Array.from({ length: 100 }, () => slots.run(log, async () => done++));
    const perTurn: number[] = [];
    while (done < 100) {
      const before = done;
      await nextTurn();
      perTurn.push(done - before);
    }
    await Promise.all(all);
    expect(Math.max(...perTurn)).toBe(maxReads);
  });
});
