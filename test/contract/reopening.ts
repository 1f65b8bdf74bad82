import { expect, test } from 'vitest';
import { everything, newMessage, newMessages, uuid } from '../support/fake-messages.ts';
import { defaultId } from './opened-store.ts';
import type { Suite } from './suite.ts';
import { placesOf } from './whole-log.ts';

const token = { id: 'one', label: 'One', hash: '0'.repeat(64), scope: 'read', createdAtMs: 1, expiresAtMs: 2 } as const;

export function describeReopening({ open, describe, test: testWhere, capabilities, expectSame }: Suite): void {
  describe('a durable store that is opened again', ['reopening', 'durability'], () => {
    test('has the same logs: epoch, head, messages', async () => {
      await using opened = await open();
      await opened.append('a-1', [newMessage({ id: uuid(1), metadata: '{"a":"é"}' })]);
      await opened.append('b-1', 2);
      const [bounds, messages] = [await opened.log.bounds(), await opened.messages()];
      const reopened = await opened.reopen();
      expect(await reopened.log.bounds()).toEqual(bounds);
      expectSame(await reopened.messages(), messages);
      expect(await reopened.pokes(everything)).toEqual(placesOf(messages));
    });

    test('continues after the last positions, and recognises every id', async () => {
      await using opened = await open();
      const message = newMessage({ id: uuid(1) });
      await opened.append('a-1', [message]);
      const reopened = await opened.reopen();
      const known = { outcome: 'known', position: 0, globalPosition: 1 };
      expect(await reopened.log.append('a-1', [message], undefined)).toEqual(known);
      const next = { outcome: 'appended', position: 1, globalPosition: 2 };
      expect(await reopened.log.append('a-1', newMessages(1), 0)).toEqual(next);
    });

    testWhere('has the same namespaces with their tokens', ['stored tokens'], async () => {
      await using opened = await open();
      await opened.store.namespaces.setTokens(opened.namespace, [token]);
      const reopened = await opened.reopen();
      expect(reopened.namespace).toEqual({ ...opened.namespace, tokens: [token] });
    });

    testWhere(
      'reports changes since an earlier revision, or that everything may have changed',
      ['stored tokens'],
      async () => {
        await using opened = await open();
        const { revision } = await opened.store.namespaces.changesSince(undefined);
        await opened.store.namespaces.setTokens(opened.namespace, [token]);
        const reopened = await opened.reopen();
        const changes = await reopened.store.namespaces.changesSince(revision);
        expect(changes.ids === 'all' || changes.ids.includes(defaultId)).toBe(true);
        expect(await reopened.store.namespaces.changesSince(changes.revision)).toEqual({ ...changes, ids: [] });
      },
    );

    testWhere('still begins a log after those of removed namespaces', ['many namespaces'], async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const other = await opened.create('other');
      await other.append('a-1', 5);
      await opened.store.namespaces.remove(other.namespace);
      const reopened = await opened.reopen();
      const later = await reopened.create('other');
      const { epoch, forgottenUpTo } = await later.log.bounds();
      expect(epoch).not.toBe(other.log.id);
      expect(forgottenUpTo).toBeGreaterThanOrEqual(6);
      await expect(reopened.store.log(other.log.id).bounds()).rejects.toMatchObject({ code: 'LOG_GONE' });
    });

    testWhere('has the log that replaced another one', ['replacements'], async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const replaced = await opened.replaceBy('b-1/0@1');
      const reopened = await opened.reopen();
      expect(await reopened.log.bounds()).toMatchObject({ epoch: replaced.log.id, head: 3, forgottenUpTo: 0 });
      await expect(reopened.store.log(opened.log.id).bounds()).rejects.toMatchObject({ code: 'LOG_GONE' });
    });
  });

  if (capabilities.durable) return;
  describe('a store that is not durable, opened again,', ['reopening'], () => {
    test('has lost everything, and shows it by another epoch', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const reopened = await opened.reopen();
      expect(await reopened.log.bounds()).toMatchObject({ epoch: expect.any(String), head: 0, forgottenUpTo: 0 });
      expect(reopened.log.id).not.toBe(opened.log.id);
      expect(await reopened.messages()).toEqual([]);
      await expect(reopened.store.log(opened.log.id).bounds()).rejects.toMatchObject({ code: 'LOG_GONE' });
    });
  });
}
