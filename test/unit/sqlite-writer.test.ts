import { existsSync, readFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { expect, test } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import type { Answer } from '../../src/store/sqlite/calls.ts';
import { DiskWatch } from '../../src/store/sqlite/disk-watch.ts';
import { openForWriting } from '../../src/store/sqlite/open-database.ts';
import { packMessages } from '../../src/store/sqlite/packed-messages.ts';
import { Writer } from '../../src/store/sqlite/writer.ts';
import { newMessage, newMessages, uuid } from '../support/fake-messages.ts';
import { messageAt } from '../support/imported-messages.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

/** A database whose statements without parameters can be made to fail. */
class FailingDatabase extends DatabaseSync {
  /** Extended result codes by statement; each fails once. */
  readonly failing = new Map<string, number>();

  override exec(sql: string): void {
    const errcode = this.failing.get(sql);
    if (errcode === undefined) {
      super.exec(sql);
      return;
    }
    this.failing.delete(sql);
    throw Object.assign(new Error('injected'), { errcode });
  }
}

/** A writer in this thread, with a namespace. */
class OpenedWriter implements Disposable {
  readonly folder = new TemporaryFolder();
  readonly path = this.folder.file('pokewire.db');
  readonly database: FailingDatabase;
  readonly writer: Writer;
  readonly log: LogId;
  freeBytes = 1_000_000;

  constructor() {
    openForWriting({ path: this.path, sync: 'normal' }).close();
    this.database = new FailingDatabase(this.path, { enableForeignKeyConstraints: false });
    const limits = { maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 10 };
    this.writer = new Writer(this.database, limits, new DiskWatch(() => this.freeBytes, 1_000));
    const created = this.run('create', { id: 'a', uid: 'a', description: '', createdAtMs: 0, tokens: [] });
    this.log = (created.value as { namespace: { log: LogId } }).namespace.log;
  }

  /** Runs calls as one group. */
  group(...calls: readonly (readonly [string, ...unknown[]])[]): Answer[] {
    return this.writer.runGroup(calls.map(([method, ...args], number) => ({ number, method, args })));
  }

  run(method: string, ...args: unknown[]): Answer {
    return this.group([method, ...args])[0]!;
  }

  append(stream: string, messages = newMessages(1), expected?: number): unknown {
    const { value, fault } = this.run('append', this.log, stream, packMessages(messages), expected, 0);
    return fault ?? value;
  }

  [Symbol.dispose](): void {
    this.database.close();
    this.folder[Symbol.dispose]();
  }
}

const appended = (position: number, globalPosition: number) => ({ outcome: 'appended', position, globalPosition });

test('The cached state changed by a failed group is read again, even if its end and the reading failed at first.', () => {
  for (const failing of [['COMMIT'], ['COMMIT', 'ROLLBACK']]) {
    using opened = new OpenedWriter();
    for (const sql of failing) opened.database.failing.set(sql, 1);
    const bytes = opened.writer.bytes;
    // Sent alone, so that it is not repeated.
    expect(opened.append('s-1')).toMatchObject({ message: 'injected', errcode: 1 });
    if (failing.length === 1) expect(opened.writer.bytes).toBe(bytes);
    expect(opened.append('s-1')).toEqual(appended(0, 1));
    expect(opened.append('s-1')).toEqual(appended(1, 2));
  }
});

test('A failed group is repeated call by call, so that one call does not make the others fail.', () => {
  using opened = new OpenedWriter();
  const append = (packed: unknown) => ['append', opened.log, 's-1', packed, undefined, 0] as const;
  const [one, two] = [packMessages(newMessages(1)), packMessages(newMessages(2))];
  const answers = opened.group(append(one), append({ ...one, numbers: undefined }), append(two));
  expect(answers.map(({ value, fault }) => value ?? fault)).toMatchObject([
    appended(0, 1),
    { message: expect.any(String) },
    appended(2, 3),
  ]);
});

test('While another program holds the database a group fails as a whole after one wait, and works again afterwards.', () => {
  using opened = new OpenedWriter();
  opened.database.exec('PRAGMA busy_timeout = 0');
  using other = new DatabaseSync(opened.path);
  other.exec('BEGIN IMMEDIATE');
  const calls = [1, 2, 3].map(
    (n) => ['append', opened.log, `s-${n}`, packMessages(newMessages(1)), undefined, 0] as const,
  );
  let begun = 0;
  opened.database.exec = (sql) => {
    if (sql === 'BEGIN IMMEDIATE') begun++;
    return DatabaseSync.prototype.exec.call(opened.database, sql);
  };
  expect(opened.group(...calls).map(({ fault }) => fault?.errcode)).toEqual([5, 5, 5]);
  expect(begun).toBe(1);
  other.exec('ROLLBACK');
  expect(opened.group(...calls).map(({ value }) => value)).toEqual([1, 2, 3].map((n) => appended(0, n)));
});

test('A sweep is postponed without an error if the disk is full or the database is in use.', () => {
  using opened = new OpenedWriter();
  opened.append('s-1');
  opened.run('remove', { id: 'a', uid: 'a' });
  opened.database.exec('PRAGMA busy_timeout = 0');
  using other = new DatabaseSync(opened.path);
  other.exec('BEGIN IMMEDIATE');
  expect(opened.writer.sweep()).toBe(false);
  other.exec('ROLLBACK');
  expect(opened.writer.sweep()).toBe(true);
});

test.each([1034, 1290])(
  'After a sync that failed with %i nothing more is written, and the fault is reported.',
  (errcode) => {
    using opened = new OpenedWriter();
    opened.database.failing.set('COMMIT', errcode);
    expect(() => opened.append('s-1')).toThrow('injected');
  },
);

test('A full disk refuses only calls that need space: ids, versions and names are checked before.', () => {
  using opened = new OpenedWriter();
  const message = newMessage({ id: uuid(1) });
  const imported = messageAt('s-2/0@7');
  opened.append('s-1', [message]);
  opened.run('importInto', opened.log, [imported]);
  expect(opened.append('s-1', [message])).toMatchObject({ outcome: 'known' });
  const bytes = opened.writer.bytes;
  opened.database.failing.set('COMMIT', 13);
  const full = { outcome: 'full', limit: 'disk', bytes, maxBytes: 0 };
  expect(opened.append('s-1')).toEqual(full);
  expect(opened.append('s-1')).toEqual(full);
  expect(opened.append('s-1', [message])).toMatchObject({ outcome: 'known' });
  expect(opened.append('s-1', newMessages(1), 7)).toMatchObject({ outcome: 'version-conflict' });
  expect(opened.run('importInto', opened.log, [messageAt('s-2/1@8')]).value).toEqual(full);
  expect(opened.run('importInto', opened.log, [imported]).value).toEqual({ outcome: 'imported', known: 1 });
  const namespace = { id: 'b', uid: 'b', description: '', createdAtMs: 0, tokens: [] };
  expect(opened.run('create', namespace).value).toEqual(full);
  expect(opened.run('create', { ...namespace, id: 'a' }).value).toEqual({ outcome: 'exists' });
  expect(opened.run('append', 'another log', 's-1', packMessages(newMessages(1)), undefined, 0).value).toEqual({
    outcome: 'gone',
  });
  expect(opened.run('remove', { id: 'a', uid: 'a' }).value).toMatchObject({ messages: 2 });
});

test('On a full disk appends delete no old messages, and rules continue to delete.', () => {
  using opened = new OpenedWriter();
  for (let n = 0; n < 3; n++) opened.append('s-1');
  opened.run('setRetention', { id: 'a', uid: 'a' }, undefined, { maxMessages: 2 });
  opened.database.failing.set('COMMIT', 13);
  expect(opened.append('s-1')).toMatchObject({ outcome: 'full', limit: 'disk' });
  expect(opened.append('s-1')).toMatchObject({ outcome: 'full', limit: 'disk' });
  expect(opened.run('forget', Date.now()).value).toMatchObject({ messages: 1 });
  expect(opened.run('eraseSlice', opened.log, 's-1', 0, undefined).value).toMatchObject({ messages: 2, isLast: true });
  expect(opened.run('purge').value).toBe('done');
});

test('A failed deletion changes nothing, and is repeated.', () => {
  using opened = new OpenedWriter();
  opened.append('s-1', newMessages(5));
  opened.run('setRetention', { id: 'a', uid: 'a' }, undefined, { maxMessages: 2 });
  const { bytes } = opened.writer;
  opened.database.failing.set('COMMIT', 1);
  expect(opened.run('forget', Date.now()).fault).toMatchObject({ errcode: 1 });
  expect([opened.writer.bytes, opened.writer.forgotten.messages]).toEqual([bytes, 0]);
  expect(opened.run('forget', Date.now()).value).toMatchObject({ messages: 3 });
  expect(opened.writer.forgotten.messages).toBe(3);
  expect(opened.append('s-1')).toEqual({ outcome: 'appended', position: 5, globalPosition: 6 });
});

test('Purging also removes erased content from a dead log.', () => {
  using opened = new OpenedWriter();
  opened.database.exec('PRAGMA secure_delete = FAST');
  for (let n = 0; n < 3; n++) opened.append('s-1', [newMessage({ data: `"secret-${'x'.repeat(9_000)}"` })]);
  opened.run('remove', { id: 'a', uid: 'a' });
  while (opened.run('purge').value === 'more');
  for (const file of [opened.path, `${opened.path}-wal`].filter(existsSync)) {
    expect(readFileSync(file).includes('secret-')).toBe(false);
  }
});

test('Purging waits only briefly for readers, because appends wait for it, and all other statements wait as long as before.', () => {
  using opened = new OpenedWriter();
  const timeout = () => opened.database.prepare('PRAGMA busy_timeout').get()!.timeout;
  opened.database.exec('PRAGMA busy_timeout = 5000');
  opened.append('s-1');
  using reader = new DatabaseSync(opened.path, { readOnly: true });
  reader.exec('BEGIN; SELECT * FROM logs');
  opened.append('s-1');
  const waits: unknown[] = [];
  opened.database.exec = (sql) => {
    DatabaseSync.prototype.exec.call(opened.database, sql);
    waits.push(timeout());
  };
  expect(opened.run('purge').value).toBe('busy');
  expect(waits).toEqual([20, 5_000]);
  expect(opened.append('s-1')).toEqual(appended(2, 3));
  reader.exec('COMMIT');
  expect(opened.run('purge').value).toBe('done');
});
