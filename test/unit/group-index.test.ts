import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FanOutGroup } from '../../src/hub/fan-out-group.ts';
import { GroupIndex } from '../../src/hub/group-index.ts';
import type { Poke } from '../../src/message/poke.ts';
import { type Selection, selectionKey, selects } from '../../src/message/selection.ts';
import { fewStreams, selections } from '../support/arbitraries.ts';
import { everything, pokeOf, selectionOf } from '../support/fake-messages.ts';

/** Selections of the groups that a poke is routed to; each group records the poke, as it does when it collects frames. */
function routed(index: GroupIndex, poke: Poke): string[] {
  const found: string[] = [];
  index.route(poke, (group) => {
    group.gather(0, 0, poke.globalPosition);
    found.push(group.key);
  });
  return found.sort();
}

function keysOf(selections: readonly Selection[], poke: Poke): string[] {
  const named = selections.filter((selection) => selects(selection, poke.stream, poke.position));
  return [...new Set(named.map(selectionKey))].sort();
}

const pokes = fc.array(fc.record({ stream: fewStreams, position: fc.nat({ max: 8 }) }), { maxLength: 12 });

describe('a group index', () => {
  test('finds each group whose selection matches the poke, once', () => {
    fc.assert(
      fc.property(fc.array(selections, { maxLength: 12 }), pokes, (selections, pokes) => {
        const index = new GroupIndex();
        for (const selection of selections) index.admit(new FanOutGroup(selection));
        pokes.forEach(({ stream, position }, at) => {
          const poke = pokeOf(stream, position, at + 1);
          expect(routed(index, poke)).toEqual(keysOf(selections, poke));
        });
      }),
    );
  });

  test('finds the same groups when some are added and removed', () => {
    const moves = fc.array(
      fc.oneof(
        fc.record({ join: selections }),
        fc.record({ leave: fc.nat() }),
        fc.record({ stream: fewStreams, position: fc.nat({ max: 8 }) }),
      ),
      { maxLength: 40, size: 'max' },
    );
    fc.assert(
      fc.property(moves, (moves) => {
        const index = new GroupIndex();
        const present = new Map<string, FanOutGroup>();
        moves.forEach((move, at) => {
          if ('join' in move) {
            const group = index.admit(new FanOutGroup(move.join));
            present.set(group.key, group);
          } else if ('leave' in move) {
            const group = [...present.values()][move.leave % Math.max(1, present.size)];
            if (group !== undefined) index.remove(group);
            if (group !== undefined) present.delete(group.key);
          } else {
            const poke = pokeOf(move.stream, move.position, at + 1);
            const selections = [...present.values()].map(({ selection }) => selection);
            expect(routed(index, poke)).toEqual(keysOf(selections, poke));
          }
          expect(index.size).toBe(present.size);
        });
      }),
    );
  });

  test('uses one group for equal selections', () => {
    const index = new GroupIndex();
    const first = index.admit(new FanOutGroup(selectionOf({ streams: ['a', 'b'] })));
    const second = index.admit(new FanOutGroup(selectionOf({ streams: ['b', 'a'] })));
    expect([second === first, index.size]).toEqual([true, 1]);
  });

  test('creates a new group for a selection whose group was removed', () => {
    const index = new GroupIndex();
    const first = index.admit(new FanOutGroup(everything));
    index.remove(first);
    expect(index.admit(new FanOutGroup(everything))).not.toBe(first);
  });

  test('finds a group of a stream and its category once', () => {
    const index = new GroupIndex();
    index.admit(new FanOutGroup(selectionOf({ streams: ['a-1'], categories: ['a'] })));
    expect(routed(index, pokeOf('a-1', 0, 1))).toHaveLength(1);
  });

  test('finds the members of consumer groups of several sizes', () => {
    const index = new GroupIndex();
    for (const size of [1, 2, 3, 16]) {
      for (let member = 0; member < size; member++) {
        index.admit(new FanOutGroup(selectionOf({ categories: ['account'], group: { member, size } })));
      }
    }
    const owners = [0, 1, 1, 11].map((member, at) =>
      selectionKey(selectionOf({ categories: ['account'], group: { member, size: [1, 2, 3, 16][at]! } })),
    );
    expect(routed(index, pokeOf('account-123', 0, 1))).toEqual(owners.sort());
  });
});
