import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { FanOutGroup, type GroupMember } from '../../src/hub/fan-out-group.ts';
import { type BufferLease, BufferPool } from '../../src/pool/buffer-pool.ts';
import { everything } from '../support/fake-messages.ts';

class Member implements GroupMember {
  place = -1;
  readonly delivered: { text: string; count: number; upTo: number }[] = [];
  /** Called during delivery. */
  whenDelivered: () => void = () => {};

  deliver(frames: Buffer, count: number, upTo: number, _lease: BufferLease): void {
    this.delivered.push({ text: frames.toString(), count, upTo });
    this.whenDelivered();
  }

  tellHead(): void {}
}

let pool: BufferPool;
let batch: BufferLease;
let group: FanOutGroup;

beforeEach(() => {
  pool = new BufferPool({ min: 1, max: 4 });
  batch = pool.acquire(4_096);
  batch.bytes.write('0123456789');
  group = new FanOutGroup(everything);
});

function joined(count: number): Member[] {
  return Array.from({ length: count }, () => {
    const member = new Member();
    group.join(member);
    return member;
  });
}

describe('a fan-out group', () => {
  test('keeps the index of each member correct, whoever joins and leaves', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), (moves) => {
        const group = new FanOutGroup(everything);
        const present: Member[] = [];
        for (const move of moves) {
          if (move % 3 > 0 || present.length === 0) {
            const member = new Member();
            group.join(member);
            present.push(member);
          } else {
            const [leaver] = present.splice(move % present.length, 1);
            group.leave(leaver!);
            expect(leaver!.place).toBe(-1);
          }
          expect(group.members.map(({ place }) => place)).toEqual(group.members.map((_member, index) => index));
          expect(new Set(group.members)).toEqual(new Set(present));
        }
      }),
    );
  });

  test('delivers collected frames to each member once', () => {
    const members = joined(3);
    group.gather(2, 4, 7);
    group.deliver(batch, pool);
    expect(members.map(({ delivered }) => delivered)).toEqual(Array(3).fill([{ text: '23', count: 1, upTo: 7 }]));
  });

  test('delivers adjacent frames in one piece', () => {
    const [member] = joined(1);
    group.gather(0, 2, 1);
    group.gather(2, 5, 2);
    group.deliver(batch, pool);
    expect(member!.delivered).toEqual([{ text: '01234', count: 2, upTo: 2 }]);
  });

  test('delivers frames with others in between in one piece', () => {
    const [member] = joined(1);
    group.gather(0, 2, 1);
    group.gather(5, 6, 4);
    group.gather(6, 7, 5);
    group.gather(9, 10, 9);
    group.deliver(batch, pool);
    expect(member!.delivered).toEqual([{ text: '01569', count: 4, upTo: 9 }]);
  });

  test('delivers the bytes of any collected spans, in order', () => {
    const spans = fc.array(fc.tuple(fc.nat({ max: 3 }), fc.integer({ min: 1, max: 4 })), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(spans, (spans) => {
        const [member] = joined(1);
        batch.bytes.set(Buffer.from(Array.from({ length: 300 }, (_value, index) => 33 + (index % 90))));
        let at = 0;
        let expected = '';
        spans.forEach(([gap, length], index) => {
          at += gap;
          expected += batch.bytes.toString('latin1', at, at + length);
          group.gather(at, at + length, index + 1);
          at += length;
        });
        const bytes = group.deliver(batch, pool);
        group.leave(member!);
        expect(member!.delivered).toEqual([{ text: expected, count: spans.length, upTo: spans.length }]);
        expect(bytes).toBe(expected.length);
      }),
    );
  });

  test('knows up to where it has delivered; collecting alone does not change that', () => {
    joined(1);
    group.gather(0, 1, 3);
    const gathered = [group.gatheredUpTo, group.deliveredUpTo];
    group.deliver(batch, pool);
    expect([gathered, group.deliveredUpTo]).toEqual([[3, 0], 3]);
  });

  test('clears the delivered frames', () => {
    const [member] = joined(1);
    group.gather(0, 1, 1);
    group.gather(2, 3, 2);
    group.deliver(batch, pool);
    group.gather(4, 5, 3);
    group.deliver(batch, pool);
    expect(member!.delivered.at(-1)).toEqual({ text: '4', count: 1, upTo: 3 });
  });

  test('releases the buffer into which it copied spans', () => {
    joined(2);
    group.gather(0, 1, 1);
    group.gather(2, 3, 2);
    group.deliver(batch, pool);
    expect(pool.classes.get(4_096)!.stats.leased).toBe(1);
  });

  test('delivers once to each member when members leave in the meantime', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 10 }), (leaves) => {
        const group = new FanOutGroup(everything);
        const members = leaves.map((leaving) => {
          const member = new Member();
          group.join(member);
          if (leaving) member.whenDelivered = () => group.leave(member);
          return member;
        });
        group.gather(0, 1, 1);
        group.deliver(batch, pool);
        expect(members.map(({ delivered }) => delivered.length)).toEqual(leaves.map(() => 1));
        expect(group.members.length).toBe(leaves.filter((leaving) => !leaving).length);
      }),
    );
  });
});
