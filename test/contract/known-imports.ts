import { expect, test } from 'vitest';
import type { Message } from '../../src/message/message.ts';
import { messageAt, messagesAt } from '../support/imported-messages.ts';
import { imported, importInto } from './import-into.ts';
import type { Suite } from './suite.ts';
import { placesOf } from './whole-log.ts';

export function describeKnownImports({ open, describe, test: testWhere, capabilities }: Suite): void {
  describe('an import that is repeated', ['imports'], () => {
    const batch = [
      messageAt('a-1/0@1', { id: 'no UUID', data: '{"a":1,"b":[2]}', timeNanos: 7 }),
      messageAt('b-1/5@9', { metadata: null }),
      messageAt('a-1/3@20'),
    ];

    const spelling: [string, Partial<Message>] = ['spelling of a number', { data: '{"a":1.0,"b":[2]}' }];

    test('skips existing messages, and reports their number', async () => {
      await using opened = await open();
      const other = messagesAt('c-1/0@4', 'c-1/1@30');
      expect(await importInto(opened, [batch.slice(0, 2), [...batch, ...other]])).toEqual([
        imported,
        { outcome: 'imported', known: 2 },
      ]);
      expect(placesOf(await opened.messages())).toEqual(['a-1/0@1', 'c-1/0@4', 'b-1/5@9', 'a-1/3@20', 'c-1/1@30']);
    });

    test('changes nothing if everything exists', async () => {
      await using opened = await open();
      await importInto(opened, [batch]);
      const before = [await opened.store.usage(), await opened.log.bounds(), await opened.messages()];
      expect(await importInto(opened, [batch])).toEqual([{ outcome: 'imported', known: 3 }]);
      expect([await opened.store.usage(), await opened.log.bounds(), await opened.messages()]).toEqual(before);
    });

    test('treats payloads with another order of members as equal', async () => {
      await using opened = await open();
      await importInto(opened, [batch]);
      const [first] = batch;
      expect(await importInto(opened, [[{ ...first!, data: '{"b":[2],"a":1}' }]])).toEqual([
        { outcome: 'imported', known: 1 },
      ]);
      expect(await opened.messages()).toHaveLength(3);
    });

    test('recognises appended messages', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const messages = await opened.messages();
      expect(await importInto(opened, [messages])).toEqual([{ outcome: 'imported', known: 3 }]);
      expect(await opened.append('a-1')).toBe(4);
    });

    test('recognises a message that is twice in one batch', async () => {
      await using opened = await open();
      const [one, other] = batch;
      expect(await importInto(opened, [[one!, other!, one!]])).toEqual([{ outcome: 'imported', known: 1 }]);
      expect(placesOf(await opened.messages())).toEqual(['a-1/0@1', 'b-1/5@9']);
    });

    test('is refused as a whole if a message after a known one is invalid, and names that message', async () => {
      await using opened = await open();
      await importInto(opened, [batch]);
      const outcomes = await importInto(opened, [
        [...batch, ...messagesAt('c-1/0@40'), messageAt('d-1/0@40', { id: 'new' })],
        [...batch, ...messagesAt('a-1/2@50')],
      ]);
      expect(outcomes).toEqual([
        { outcome: 'position-exists', index: 4, field: 'globalPosition' },
        { outcome: 'out-of-order', index: 3 },
      ]);
      expect(await opened.messages()).toHaveLength(3);
    });

    test.each<[string, Partial<Message>]>([
      ['stream', { stream: 'a-2' }],
      ['type', { type: 'Other' }],
      ['position', { position: 1 }],
      ['global position', { globalPosition: 2 }],
      ['data', { data: '{"a":1,"b":[3]}' }],
      ...(capabilities.verbatim ? [spelling] : []),
      ['metadata', { metadata: null }],
      ['time', { timeMs: 1 }],
      ['nanoseconds', { timeNanos: 8 }],
    ])('does not take a message with another %s for the same', async (_field, parts) => {
      await using opened = await open();
      await importInto(opened, [batch]);
      const before = await opened.messages();
      const outcomes = await importInto(opened, [[{ ...batch[0]!, ...parts }]]);
      expect(outcomes).toEqual([{ outcome: 'position-exists', index: 0, field: 'id' }]);
      expect(await opened.messages()).toEqual(before);
    });
  });

  testWhere('a replacement skips messages that it has already', ['replacements'], async () => {
    await using opened = await open();
    const session = await opened.store.beginReplacement(opened.namespace);
    expect(await session.add(messagesAt('a-1/0@1', 'a-1/1@2'))).toEqual(imported);
    expect(await session.add(messagesAt('a-1/1@2', 'a-1/2@3'))).toEqual({ outcome: 'imported', known: 1 });
    expect(await session.commit()).toEqual({ outcome: 'committed' });
    expect(placesOf(await (await opened.current()).messages())).toEqual(['a-1/0@1', 'a-1/1@2', 'a-1/2@3']);
  });

  testWhere('an import needs no space for skipped messages', ['imports', 'a byte limit'], async () => {
    await using opened = await open({ maxBytes: 100_000 });
    const large = messageAt('a-1/0@1', { data: `{"a":"${'x'.repeat(60_000)}"}` });
    await importInto(opened, [[large]]);
    expect(await importInto(opened, [[large, ...messagesAt('a-1/1@2')]])).toEqual([{ outcome: 'imported', known: 1 }]);
  });
}
