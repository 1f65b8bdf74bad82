import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Audience, type Hearer } from '../../src/hub/audience.ts';
import { type BufferLease, BufferPool } from '../../src/pool/buffer-pool.ts';
import { everything } from '../support/fake-messages.ts';

class Ear implements Hearer {
  place = -1;
  readonly heard: { text: string; count: number; upTo: number }[] = [];
  /** Done while it hears. */
  whenHearing: () => void = () => {};

  hear(frames: Buffer, count: number, upTo: number, _lease: BufferLease): void {
    this.heard.push({ text: frames.toString(), count, upTo });
    this.whenHearing();
  }
}

let pool: BufferPool;
let arena: BufferLease;
let audience: Audience;

beforeEach(() => {
  pool = new BufferPool({ min: 1, max: 4 });
  arena = pool.acquire(4_096);
  arena.bytes.write('0123456789');
  audience = new Audience(everything);
});

function joined(count: number): Ear[] {
  return Array.from({ length: count }, () => {
    const ear = new Ear();
    audience.join(ear);
    return ear;
  });
}

describe('an audience', () => {
  test('keeps the place of each hearer, whoever joins and leaves', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), (moves) => {
        const audience = new Audience(everything);
        const present: Ear[] = [];
        for (const move of moves) {
          if (move % 3 > 0 || present.length === 0) {
            const ear = new Ear();
            audience.join(ear);
            present.push(ear);
          } else {
            const [leaver] = present.splice(move % present.length, 1);
            audience.leave(leaver!);
            expect(leaver!.place).toBe(-1);
          }
          expect(audience.hearers.map(({ place }) => place)).toEqual(audience.hearers.map((_ear, index) => index));
          expect(new Set(audience.hearers)).toEqual(new Set(present));
        }
      }),
    );
  });

  test('tells each hearer what was gathered, once', () => {
    const ears = joined(3);
    audience.gather(2, 4, 7);
    audience.deliver(arena, pool);
    expect(ears.map(({ heard }) => heard)).toEqual(Array(3).fill([{ text: '23', count: 1, upTo: 7 }]));
  });

  test('tells frames that follow each other in one piece', () => {
    const [ear] = joined(1);
    audience.gather(0, 2, 1);
    audience.gather(2, 5, 2);
    audience.deliver(arena, pool);
    expect(ear!.heard).toEqual([{ text: '01234', count: 2, upTo: 2 }]);
  });

  test('tells frames that others stand between in one piece', () => {
    const [ear] = joined(1);
    audience.gather(0, 2, 1);
    audience.gather(5, 6, 4);
    audience.gather(6, 7, 5);
    audience.gather(9, 10, 9);
    audience.deliver(arena, pool);
    expect(ear!.heard).toEqual([{ text: '01569', count: 4, upTo: 9 }]);
  });

  test('tells the bytes of any gathered spans, in order', () => {
    const spans = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.integer({ min: 1, max: 4 })), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(spans, (spans) => {
        const [ear] = joined(1);
        arena.bytes.set(Buffer.from(Array.from({ length: 300 }, (_value, index) => 33 + (index % 90))));
        let at = 0;
        let expected = '';
        spans.forEach(([gap, length], index) => {
          at += gap;
          expected += arena.bytes.toString('latin1', at, at + length);
          audience.gather(at, at + length, index + 1);
          at += length;
        });
        const bytes = audience.deliver(arena, pool);
        audience.leave(ear!);
        expect(ear!.heard).toEqual([{ text: expected, count: spans.length, upTo: spans.length }]);
        expect(bytes).toBe(expected.length);
      }),
    );
  });

  test('forgets what it told', () => {
    const [ear] = joined(1);
    audience.gather(0, 1, 1);
    audience.gather(2, 3, 2);
    audience.deliver(arena, pool);
    audience.gather(4, 5, 3);
    audience.deliver(arena, pool);
    expect(ear!.heard.at(-1)).toEqual({ text: '4', count: 1, upTo: 3 });
  });

  test('gives back the buffer it copied spans into', () => {
    joined(2);
    audience.gather(0, 1, 1);
    audience.gather(2, 3, 2);
    audience.deliver(arena, pool);
    expect(pool.classes.get(4_096)!.stats.leased).toBe(1);
  });

  test('tells each hearer once when hearers leave while they hear', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }), (leaves) => {
        const audience = new Audience(everything);
        const ears = leaves.map((leaving) => {
          const ear = new Ear();
          audience.join(ear);
          if (leaving) ear.whenHearing = () => audience.leave(ear);
          return ear;
        });
        audience.gather(0, 1, 1);
        audience.deliver(arena, pool);
        expect(ears.map(({ heard }) => heard.length)).toEqual(leaves.map(() => 1));
        expect(audience.hearers.length).toBe(leaves.filter((leaving) => !leaving).length);
      }),
    );
  });
});
