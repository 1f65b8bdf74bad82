import type { DatabaseSync } from 'node:sqlite';
import type { Message } from '../../message/message.ts';
import type { AppendOutcome, ImportOutcome } from '../log.ts';
import type { LogId } from '../log-id.ts';
import type { NewNamespace, TokenRecord } from '../namespace-store.ts';
import type { StoreLimits, StoreUsage } from '../store.ts';
import { type Answer, type Call, type Commits, errcodeOf, faultOf, foundNoRoom } from './calls.ts';
import { DiskBudget } from './disk-budget.ts';
import type { DiskWatch } from './disk-watch.ts';
import { costs } from './message-bytes.ts';
import { type PackedMessages, unpackMessages } from './packed-messages.ts';
import { Sweeper } from './sweeper.ts';
import { ForgettingWriter } from './write-forgetting.ts';
import { GroupWriter } from './write-groups.ts';
import { MessageWriter } from './write-messages.ts';
import { type NamespaceName, NamespaceWriter } from './write-namespaces.ts';
import { WriteState } from './write-state.ts';

/** Maximum number of calls and messages in one transaction. A longer one would delay every call in it. */
const maxGroupCalls = 256;
const maxGroupMessages = 2_000;

/** SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC: the content of the page cache is unknown afterwards, so nothing more may be written. */
const syncFailedCodes: readonly (number | undefined)[] = [1034, 1290];

/** SQLITE_BUSY: another program holds the database. Each attempt waits for it, so the group's calls are not retried one by one. */
const busy = 5;

/** Methods of the writer. All calls of a group share a transaction. */
export type WriterMethods = {
  append(
    log: LogId,
    stream: string,
    messages: PackedMessages,
    expected: number | undefined,
    nowMs: number,
  ): AppendOutcome;
  importInto(log: LogId, messages: readonly Message[]): ImportOutcome;
  isThere(log: LogId): boolean;
  create: NamespaceWriter['create'];
  setTokens(
    name: NamespaceName,
    old: readonly TokenRecord[],
    tokens: readonly TokenRecord[],
  ): ReturnType<NamespaceWriter['setTokens']>;
  setRetention: NamespaceWriter['setRetention'];
  forget: NamespaceWriter['forget'];
  eraseSlice: ForgettingWriter['eraseSlice'];
  writeGroups: GroupWriter['write'];
  purge: Sweeper['purge'];
  remove: NamespaceWriter['remove'];
  stage: NamespaceWriter['stage'];
  replace: NamespaceWriter['replace'];
  discardStaged: NamespaceWriter['discardStaged'];
  ping(): void;
};

/** Runs groups of calls, each in one transaction that is on disk when the answers are returned. */
export class Writer {
  readonly namespaces: NamespaceWriter;
  readonly #database: DatabaseSync;
  readonly #state: WriteState;
  readonly #sweeper: Sweeper;
  readonly #disk: DiskWatch;
  readonly #budget: DiskBudget;
  #commits: Commits = { durationsMs: [], writes: 0 };
  readonly #methods: Record<string, (...args: never[]) => unknown>;
  /** Whether a group failed and the cached state was not reloaded since. */
  #isStale = false;

  constructor(database: DatabaseSync, limits: StoreLimits, disk: DiskWatch) {
    this.#database = database;
    this.#disk = disk;
    this.#budget = new DiskBudget(limits, costs, disk);
    this.#state = new WriteState(database);
    const forgetting = new ForgettingWriter(database, this.#state, this.#budget);
    const messages = new MessageWriter(database, this.#state, this.#budget, forgetting);
    const groups = new GroupWriter(database);
    const parts = { state: this.#state, budget: this.#budget, messages, forgetting, groups };
    const namespaces = new NamespaceWriter(database, parts, limits);
    this.namespaces = namespaces;
    this.#sweeper = new Sweeper(database);
    const methods: WriterMethods = {
      append: (log, stream, packed, ...rest) => messages.append(log, stream, unpackMessages(packed), ...rest),
      importInto: (...args) => namespaces.importInto(...args),
      isThere: (log) => namespaces.isThere(log),
      create: (namespace: NewNamespace) => namespaces.create(namespace),
      setTokens: (...args) => namespaces.setTokens(...args),
      setRetention: (...args) => namespaces.setRetention(...args),
      forget: (nowMs) => namespaces.forget(nowMs),
      eraseSlice: (...args) => this.#securely(() => forgetting.eraseSlice(...args)),
      writeGroups: (changes) => groups.write(changes),
      purge: () => this.#sweeper.purge(),
      remove: (name) => namespaces.remove(name),
      stage: (name) => namespaces.stage(name),
      replace: (name, staged) => namespaces.replace(name, staged),
      discardStaged: (log) => namespaces.discardStaged(log),
      ping: () => {},
    };
    this.#methods = methods;
    namespaces.load();
  }

  /** Bytes counted for messages and namespaces. */
  get bytes(): number {
    return this.#budget.bytes;
  }

  /** Messages in all logs. */
  get messages(): number {
    let messages = 0;
    for (const log of this.#state.logs) messages += log.messages;
    return messages;
  }

  /** Total deleted by retention since the start. */
  get forgotten(): StoreUsage['forgotten'] {
    return this.#budget.forgotten;
  }

  /** Removes the first group from `calls` and runs it. */
  runGroup(calls: Call[]): Answer[] {
    if (calls[0]?.method === 'purge') return [this.#alone(calls.shift()!)];
    const group = takeGroup(calls);
    try {
      return this.#transaction(group);
    } catch (error) {
      if (syncFailedCodes.includes(errcodeOf(error))) throw error;
      if (group.length === 1 || errcodeOf(error) === busy) return group.map((call) => this.#faultOf(call, error));
      // One invalid call must not fail its neighbours.
      return group.flatMap((call) => this.runGroup([call]));
    }
  }

  /** Commits since the last call. */
  takeCommits(): Commits {
    const commits = this.#commits;
    this.#commits = { durationsMs: [], writes: 0 };
    return commits;
  }

  /** Runs one sweeping step between groups; returns whether there is more. */
  sweep(): boolean {
    try {
      return this.#sweeper.sweep(this.#disk.isFull);
    } catch (error) {
      if (syncFailedCodes.includes(errcodeOf(error))) throw error;
      // The disk is full, or another program holds the database: try again after the next group.
      return false;
    }
  }

  #transaction(group: readonly Call[]): Answer[] {
    if (this.#isStale) this.#recover();
    this.#database.exec('BEGIN IMMEDIATE');
    const { ...forgotten } = this.forgotten;
    try {
      const answers = group.map(({ number, method, args }) => ({
        number,
        value: this.#methods[method]!(...(args as never[])),
      }));
      this.#state.flush();
      const committingAtMs = performance.now();
      this.#database.exec('COMMIT');
      this.#noteCommit(group, performance.now() - committingAtMs);
      this.#state.committed();
      return answers;
    } catch (error) {
      this.#isStale = true;
      Object.assign(this.#budget.forgotten, forgotten);
      try {
        this.#recover();
      } catch {
        // The next group tries again, and fails if that fails too.
      }
      throw error;
    }
  }

  /** Rolls back a failed transaction and reloads the cached state. */
  #recover(): void {
    // After some faults SQLite rolls back automatically.
    if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
    this.namespaces.load();
    this.#isStale = false;
  }

  /** Runs a call that must not be in a transaction. */
  #alone(call: Call): Answer {
    try {
      return { number: call.number, value: this.#methods[call.method]!() };
    } catch (error) {
      if (syncFailedCodes.includes(errcodeOf(error))) throw error;
      return this.#faultOf(call, error);
    }
  }

  /** Overwrites freed pages too, whose content `secure_delete=FAST` leaves in place. */
  #securely<T>(erase: () => T): T {
    this.#database.exec('PRAGMA secure_delete = ON');
    try {
      return erase();
    } finally {
      this.#database.exec('PRAGMA secure_delete = FAST');
    }
  }

  #noteCommit(group: readonly Call[], durationMs: number): void {
    let writes = 0;
    for (const { method } of group) if (method !== 'ping') writes++;
    // Without writes there is nothing to sync.
    if (writes === 0) return;
    this.#commits.durationsMs.push(durationMs);
    this.#commits.writes += writes;
  }

  #faultOf({ number, method }: Call, error: unknown): Answer {
    if (!foundNoRoom(error)) return { number, fault: faultOf(error) };
    this.#disk.foundFull();
    const isRefusable = method === 'append' || method === 'importInto' || method === 'create';
    const full = this.#budget.fullDisk;
    return isRefusable ? { number, value: full } : { number, fault: { ...faultOf(error), full } };
  }
}

function takeGroup(calls: Call[]): Call[] {
  let messages = 0;
  let count = 0;
  for (const { method, args } of calls) {
    if (method === 'purge') break;
    const weight =
      method === 'append'
        ? (args[2] as PackedMessages).count
        : method === 'importInto'
          ? (args[1] as unknown[]).length
          : 1;
    if (count > 0 && (count === maxGroupCalls || messages + weight > maxGroupMessages)) break;
    messages += weight;
    count++;
  }
  return calls.splice(0, count);
}
