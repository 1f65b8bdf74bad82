import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MessageTexts } from '../../src/store/memory/message-texts.ts';
import { NumberColumn } from '../../src/store/memory/number-column.ts';
import { RowList } from '../../src/store/memory/row-list.ts';
import { packedIdBytes, packId, unpackId } from '../../src/store/shared/packed-id.ts';

const number = fc.oneof(
  fc.nat({ max: 100 }),
  fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 1, 2 ** 52),
  fc.nat({ max: Number.MAX_SAFE_INTEGER }),
);

test('a column returns every number that was set last, near its base or not', () => {
  fc.assert(
    fc.property(number, fc.array(fc.tuple(fc.nat({ max: 7 }), number), { maxLength: 30 }), (base, sets) => {
      const column = new NumberColumn(8, base);
      const model = new Map<number, number>();
      for (const [at, value] of sets) {
        column.set(at, value);
        model.set(at, value);
        for (const [place, expected] of model) expect(column.get(place)).toBe(expected);
      }
    }),
  );
});

test('a UUID is packed and unpacked, and no other text is packed', () => {
  const bytes = Buffer.alloc(packedIdBytes + 2);
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      expect(packId(id, bytes, 1)).toBe(true);
      expect(unpackId(bytes, 1)).toBe(id);
    }),
  );
  const uuid = '01a1fcd0-d09b-7f3b-a4e8-bc9f7fd65a22';
  const others = [...uuid].flatMap((_, at) =>
    ['G', 'A', '-', 'ſ', '\u0130', 'g', '/', ':', '`', '']
      .filter((other) => other !== uuid[at])
      .map((other) => uuid.slice(0, at) + other + uuid.slice(at + 1)),
  );
  for (const id of [...others, '', 'x', uuid.toUpperCase()]) expect(packId(id, bytes, 1), id).toBe(false);
});

test('a row list with insertions and removals anywhere equals a sorted array', () => {
  const batch = fc.array(fc.nat({ max: 10_000 }), { maxLength: 40 });
  const removals = fc.oneof(fc.nat({ max: 60 }), fc.array(fc.nat({ max: 80 }), { maxLength: 30 }));
  const batches = fc.array(fc.tuple(batch, removals), { maxLength: 12 });
  fc.assert(
    fc.property(batches, fc.boolean(), (batches, pushesLast) => {
      // Row n has the nth global position added.
      const globalPositions: number[] = [];
      const table = { globalPosition: (row: number) => globalPositions[row]! };
      const list = new RowList();
      let model: number[] = [];
      for (const [batch, removed] of batches) {
        const added = [...new Set(batch)].filter((position) => !globalPositions.includes(position));
        const first = globalPositions.length;
        globalPositions.push(...added.sort((a, b) => a - b));
        const rows = added.map((_position, index) => first + index);
        if (rows.length > 0) list.insert(rows, table);
        if (pushesLast) {
          globalPositions.push(10_001 + first);
          rows.push(globalPositions.length - 1);
          list.push(globalPositions.length - 1);
        }
        model = [...model, ...rows].sort((a, b) => globalPositions[a]! - globalPositions[b]!);
        // The oldest rows, or any.
        const isRemoved = (index: number) => (typeof removed === 'number' ? index < removed : removed.includes(index));
        list.remove([...model.keys()].filter(isRemoved));
        model = model.filter((_row, index) => !isRemoved(index));
        expect(list).toMatchObject({ length: model.length, last: model.at(-1) });
        expect(Array.from({ length: model.length + 1 }, (_, index) => list.at(index))).toEqual([...model, undefined]);
      }
    }),
  );
});

test('every text is returned until it is released, even after messages longer than a heap and with more types than are numbered', () => {
  const text = fc.oneof(
    fc.constantFrom(
      '',
      '{}',
      'é',
      '\u{1f600}',
      'x'.repeat(127),
      'x'.repeat(128),
      'x'.repeat(300_000),
      'ü'.repeat(700_000),
    ),
    fc.string({ unit: 'grapheme' }),
  );
  const message = fc.record({
    id: fc.oneof(fc.uuid(), fc.constantFrom('x', 'ü'.repeat(500))),
    type: fc.constantFrom('T', 'Überwiesen', 'x'.repeat(256)),
    data: text,
    metadata: fc.option(text),
  });
  fc.assert(
    fc.property(
      fc.array(message, { maxLength: 12 }),
      fc.boolean(),
      fc.array(fc.boolean()),
      (messages, hasManyTypes, removed) => {
        const texts = new MessageTexts();
        const types = Array.from({ length: hasManyTypes ? 1_030 : 0 }, (_, type) => `type ${type}`);
        const all = [...types.map((type) => ({ id: 'x', type, data: '{}', metadata: null })), ...messages];
        const places = all.map((one) => texts.add(one));
        for (const [index, gone] of removed.entries())
          if (gone && places[index] !== undefined) texts.release(places[index]);
        places.forEach((place, index) => {
          if (removed[index]) return;
          const { id, type, data, metadata } = all[index]!;
          expect(texts.payloadBytes(place)).toBe(Buffer.byteLength(data + (metadata ?? '')));
          const read = [texts.id(place), texts.type(place), texts.data(place), texts.metadata(place)];
          // Compared as a whole, because describing a difference of a million characters takes long.
          expect(JSON.stringify(read) === JSON.stringify([id, type, data, metadata])).toBe(true);
        });
      },
    ),
    { numRuns: 60 },
  );
});
