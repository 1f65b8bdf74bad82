import { expect } from 'vitest';
import type { Log } from '../../src/store/log.ts';
import { everything, newMessage, uuid } from '../support/fake-messages.ts';
import { messagesAt } from '../support/imported-messages.ts';
import type { Suite } from './suite.ts';
import { everyMessage } from './whole-log.ts';

/** Calls everything on a log that was deleted or replaced: reads must reject, and writes must report that it is gone. */
export async function expectGone(log: Log, { capabilities }: Suite): Promise<void> {
  const reads = {
    readStream: () => log.readStream('a-1', { position: 0 }, 10),
    readLast: () => log.readLast('a-1', undefined),
    read: () => log.read(everyMessage, 0, 10),
    pokes: () => log.pokes(everything, 0, 10),
    last: () => log.last(everything, 0, 10),
    bounds: () => log.bounds(),
    version: () => log.version('a-1'),
    describeStream: () => log.describeStream('a-1'),
    listStreams: () => log.listStreams('', undefined, 10),
    listCategories: () => log.listCategories(undefined, 10),
  };
  for (const [name, read] of Object.entries(reads)) {
    await expect(read(), name).rejects.toMatchObject({ code: 'LOG_GONE' });
  }
  const gone = { outcome: 'gone' };
  for (const expectedVersion of [undefined, -1, 7]) {
    expect(await log.append('a-1', [newMessage({ id: uuid(1) })], expectedVersion)).toEqual(gone);
  }
  if (!capabilities.imports) return;
  const session = await log.beginImport();
  expect(await session.add(messagesAt('a-1/0@1'))).toEqual(gone);
  expect(await session.commit()).toEqual(gone);
}
