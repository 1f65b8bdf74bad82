import { expect, test } from 'vitest';
import type { Message } from '../../src/message/message.ts';
import type { ImportOutcome } from '../../src/store/log.ts';
import { messageAt, messagesAt } from '../support/imported-messages.ts';
import { imported, importInto } from './import-into.ts';
import type { Suite } from './suite.ts';
import { placesOf } from './whole-log.ts';

export function describeImportBatches({ open, describe, test: testWhere }: Suite): void {
  describe('a batch of an import', ['imports'], () => {
    test.each<[string, string[], Partial<Message>, ImportOutcome]>([
      ['an id of the log', ['x-1/0@50'], { id: 'id 2' }, { outcome: 'position-exists', index: 2, field: 'id' }],
      ['an id of the batch', ['x-1/0@50'], { id: 'id 40' }, { outcome: 'position-exists', index: 2, field: 'id' }],
      [
        'a global position of the log',
        ['x-1/0@2'],
        { id: 'new' },
        { outcome: 'position-exists', index: 2, field: 'globalPosition' },
      ],
      [
        'one of the batch',
        ['x-1/0@41'],
        { id: 'new' },
        { outcome: 'position-exists', index: 2, field: 'globalPosition' },
      ],
      ['a stream position of the log', ['a-1/4@50'], {}, { outcome: 'position-exists', index: 2, field: 'position' }],
      ['one of the batch', ['b-1/8@50'], {}, { outcome: 'position-exists', index: 2, field: 'position' }],
      ['a lower stream position behind the log', ['a-1/3@50'], {}, { outcome: 'out-of-order', index: 2 }],
      ['a higher one before it', ['a-1/5@3'], {}, { outcome: 'out-of-order', index: 2 }],
      ['a lower one behind the batch', ['b-1/7@50'], {}, { outcome: 'out-of-order', index: 2 }],
      ['a higher one before the batch', ['b-1/9@39'], {}, { outcome: 'out-of-order', index: 2 }],
    ])('with %s is refused as a whole, and says which message is at fault', async (_what, [place], parts, outcome) => {
      await using opened = await open();
      await importInto(opened, [messagesAt('a-1/0@2', 'a-1/4@4')]);
      const [usage, log] = [await opened.store.usage(), await opened.messages()];
      const batch = [...messagesAt('b-1/8@40', 'c-1/0@41'), messageAt(place!, parts), ...messagesAt('c-1/1@60')];
      expect(await importInto(opened, [batch])).toEqual([outcome]);
      expect([await opened.store.usage(), await opened.messages(), await opened.head()]).toEqual([usage, log, 4]);
      expect(await opened.stream('b-1')).toEqual([]);
      expect(await opened.append('d-1')).toBe(5);
    });

    test('that is refused does not affect earlier and later batches', async () => {
      await using opened = await open();
      const outcomes = await importInto(opened, [
        messagesAt('a-1/0@1'),
        messagesAt('b-1/0@2', 'b-1/1@1'),
        messagesAt('c-1/0@3'),
      ]);
      expect(outcomes).toEqual([imported, { outcome: 'position-exists', index: 1, field: 'id' }, imported]);
      expect(placesOf(await opened.messages())).toEqual(['a-1/0@1', 'c-1/0@3']);
    });

    test('can be read as soon as it was added', async () => {
      await using opened = await open();
      const session = await opened.log.beginImport();
      await session.add(messagesAt('a-1/0@1'));
      expect(placesOf(await opened.messages())).toEqual(['a-1/0@1']);
      await session.abort();
      expect(placesOf(await opened.messages())).toEqual(['a-1/0@1']);
    });
  });

  testWhere(
    'a batch of an import that exceeds the limit is refused as a whole',
    ['imports', 'a byte limit'],
    async () => {
      await using opened = await open({ maxBytes: 100_000 });
      await opened.append('a-1');
      const usage = await opened.store.usage();
      const data = `{"a":"${'x'.repeat(60_000)}"}`;
      const outcomes = await importInto(opened, [[messageAt('b-1/0@2', { data }), messageAt('b-1/1@3', { data })]]);
      expect(outcomes).toEqual([{ outcome: 'full', limit: 'store', bytes: usage.bytes, maxBytes: 100_000 }]);
      expect([await opened.store.usage(), await opened.stream('b-1')]).toEqual([usage, []]);
    },
  );
}
