import { expect, test } from 'vitest';
import type { GroupChange, GroupStore } from '../../src/store/group-store.ts';
import { maxGroupRecordBytes } from '../../src/store/group-store.ts';
import type { Suite } from './suite.ts';

const put = (key: string, revision: number, text: string | undefined = '{}'): GroupChange => ({
  key,
  revision,
  text,
  isQuiet: false,
});

/** Writes one record, and returns its revision. */
export async function keep(groups: GroupStore, key: string, revision: number, text?: string): Promise<number> {
  const [written] = await groups.write([put(key, revision, text)]);
  expect(written).toBeGreaterThan(revision);
  return written!;
}

export function describeGroupRecords({ open, describe, test: testWhere }: Suite): void {
  describe('records of groups', ['groups'], () => {
    test('are read as they were written, in the requested order', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      const text = JSON.stringify({ name: 'Zoë 🙂', quoted: '\'"\\', empty: '' });
      const one = await keep(groups, 'u/group/one', 0, text);
      const two = await keep(groups, 'u/group/zwölf', 0);
      expect(await groups.read(['u/group/zwölf', 'u/none', 'u/group/one'])).toEqual([
        { key: 'u/group/zwölf', revision: two, text: '{}' },
        undefined,
        { key: 'u/group/one', revision: one, text },
      ]);
    });

    test('may have the maximum length', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      const text = JSON.stringify('x'.repeat(maxGroupRecordBytes - 2));
      await keep(groups, 'a', 0, text);
      expect((await groups.read(['a']))[0]?.text).toBe(text);
    });

    test('are created only if there is none', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      await keep(groups, 'a', 0, '1');
      expect(await groups.write([put('a', 0, '2')])).toEqual([undefined]);
      expect((await groups.read(['a']))[0]?.text).toBe('1');
    });

    test('are replaced only at the revision that was read', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      const first = await keep(groups, 'a', 0, '1');
      const second = await keep(groups, 'a', first, '2');
      expect(await groups.write([put('a', first, '3')])).toEqual([undefined]);
      expect(await groups.write([put('b', first, '3')])).toEqual([undefined]);
      expect(await groups.read(['a', 'b'])).toEqual([{ key: 'a', revision: second, text: '2' }, undefined]);
    });

    test('are removed only at the revision that was read, and no revision is reused', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      const first = await keep(groups, 'a', 0, '1');
      const second = await keep(groups, 'a', first, '2');
      expect(await groups.write([{ ...put('a', first), text: undefined }])).toEqual([undefined]);
      expect(await groups.write([{ ...put('a', second), text: undefined }])).toEqual([expect.any(Number)]);
      expect(await groups.read(['a'])).toEqual([undefined]);
      const again = await keep(groups, 'a', 0, '3');
      expect(again).toBeGreaterThan(second);
      expect(await groups.write([put('a', first, '4'), put('b', second, '4')])).toEqual([undefined, undefined]);
    });

    test('succeed or lose individually in a call', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      const revision = await keep(groups, 'b', 0, '1');
      const outcomes = await groups.write([put('a', 0, '2'), put('b', revision + 1, '2'), put('c', 0, '2')]);
      expect(outcomes).toEqual([expect.any(Number), undefined, expect.any(Number)]);
      expect((await groups.read(['a', 'b', 'c'])).map((record) => record?.text)).toEqual(['2', '1', '2']);
    });

    test('are listed by prefix, page by page, each once', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      const names = Array.from({ length: 25 }, (_value, n) => `u/group/${n}`);
      await groups.write([...names, 'u/groups', 'u/part/1', 'v/group/1'].map((key) => put(key, 0, `"${key}"`)));
      const found: string[] = [];
      for (let after: string | undefined; ; ) {
        const page = await groups.list('u/group/', after, 10);
        found.push(...page.map(({ key }) => key));
        for (const { key, text } of page) expect(text).toBe(`"${key}"`);
        if (page.length === 0) break;
        after = page.at(-1)!.key;
      }
      expect(found.toSorted()).toEqual(names.toSorted());
      expect(await groups.list('u/group/1', undefined, 2)).toHaveLength(2);
      expect(await groups.list('w/', undefined, 10)).toEqual([]);
    });

    test('list a prefix as text, not as a pattern', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      await groups.write(['a_b/1', 'axb/1', 'a%/1', 'a*/1', 'a[b]/1'].map((key) => put(key, 0)));
      for (const prefix of ['a_b/', 'a%/', 'a*/', 'a[b]/'])
        expect((await groups.list(prefix, undefined, 10)).map(({ key }) => key)).toEqual([`${prefix}1`]);
    });

    test('are reported as changed since a revision, without quiet changes and those that lost', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      const before = await groups.changesSince(undefined);
      expect(before.keys).toEqual([]);
      const revision = await keep(groups, 'a', 0);
      await groups.write([put('b', 0), { ...put('c', 0), isQuiet: true }, put('d', 17)]);
      await groups.write([{ ...put('a', revision), text: undefined }]);
      const changes = await groups.changesSince(before.revision);
      if (changes.keys !== 'all') expect(changes.keys.toSorted()).toEqual(['a', 'b']);
      expect(await groups.changesSince(changes.revision)).toEqual({
        revision: changes.revision,
        keys: [],
        records: [],
      });
    });

    test('with a prefix are returned together with the changes', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      const { revision } = await groups.changesSince(undefined);
      const first = await keep(groups, 'n/1', 0, '"one"');
      await groups.write([{ ...put('n/2', 0, '"two"'), isQuiet: true }, put('m', 0), put('n', 0)]);
      const { keys, records } = await groups.changesSince(revision, 'n/');
      if (keys !== 'all') expect(keys.toSorted()).toEqual(['m', 'n', 'n/1']);
      expect(records.toSorted((a, b) => (a.key < b.key ? -1 : 1))).toEqual([
        { key: 'n/1', revision: first, text: '"one"' },
        { key: 'n/2', revision: expect.any(Number), text: '"two"' },
      ]);
      expect((await groups.changesSince(revision, 'o/')).records).toEqual([]);
    });

    test('report that everything may have changed since an unknown revision', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      const { revision } = await groups.changesSince(undefined);
      expect(await groups.changesSince(revision + 1_000)).toEqual({ revision, keys: 'all', records: [] });
    });

    test('cause hints to followers', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      const hinted = Promise.withResolvers<void>();
      const unfollow = groups.follow(() => hinted.resolve());
      await keep(groups, 'a', 0);
      await hinted.promise;
      unfollow();
    });

    testWhere('are removed with their namespace, and with no other', ['many namespaces'], async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      const { namespace } = await opened.create('other');
      const { uid } = namespace;
      await groups.write([`${uid}/group/a`, `${uid}/part/1/0`, `${uid}x/group/a`].map((key) => put(key, 0)));
      await keep(groups, `${opened.namespace.uid}/group/a`, 0);
      await opened.store.namespaces.remove(namespace);
      expect(await groups.list(`${uid}/`, undefined, 10)).toEqual([]);
      expect(await groups.list(`${uid}x/`, undefined, 10)).toHaveLength(1);
      expect(await groups.list(`${opened.namespace.uid}/`, undefined, 10)).toHaveLength(1);
    });

    testWhere('survive a restart of the process', ['durability', 'reopening'], async () => {
      await using opened = await open();
      const revision = await keep(opened.store.groups!, 'a', 0, '1');
      const reopened = await opened.reopen();
      const groups = reopened.store.groups!;
      expect(await groups.read(['a'])).toEqual([{ key: 'a', revision, text: '1' }]);
      await keep(groups, 'a', revision, '2');
    });
  });
}
