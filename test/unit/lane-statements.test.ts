import { expect, test } from 'vitest';
import { insertion, isInsertable } from '../../src/store/postgres/lane-statements.ts';
import { newMessage } from '../support/fake-messages.ts';

const message = (type: string, metadata: string | null) => newMessage({ id: `id-${type}`, type, data: '{}', metadata });

test('Messages of a group are numbered per stream, however its appends are mixed.', () => {
  const { values, streamOf } = insertion([
    { stream: 'a-1', messages: [message('A', '{"n":1}'), message('B', null)] },
    { stream: 'b-1', messages: [message('C', null)] },
    { stream: 'a-1', messages: [message('D', '{"n":2}')] },
  ]);
  expect(streamOf).toEqual(['a-1', 'a-1', 'b-1', 'a-1']);
  expect(values).toEqual([
    'a-1\u001eb-1',
    '{1,1,2,1}',
    '{1,2,1,3}',
    'id-A\u001eid-B\u001eid-C\u001eid-D',
    'A\u001eB\u001eC\u001eD',
    '{}\u001e{}\u001e{}\u001e{}',
    '{"n":1}\u001e\u001e\u001e{"n":2}',
  ]);
});

test('A message with the separator of columns, which JSON does not allow, is not inserted among others.', () => {
  expect(isInsertable(message('A', '{"n":"\\u001e"}'))).toBe(true);
  for (const part of ['type', 'data', 'metadata'] as const) {
    expect(isInsertable(newMessage({ [part]: '{"n":"\u001e"}' }))).toBe(false);
  }
});
