import type { DatabaseSync } from 'node:sqlite';
import type { Selection } from '../../message/selection.ts';
import type { LogId } from '../log-id.ts';
import { type Answer, type Call, faultOf } from './calls.ts';
import { packPage } from './packed-page.ts';
import { GroupReader } from './read-groups.ts';
import { KeptReader } from './read-kept.ts';
import { ListReader } from './read-lists.ts';
import { LogFinder } from './read-log.ts';
import { MessageReader } from './read-messages.ts';
import { PokeReader } from './read-pokes.ts';
import { readUsage } from './read-usage.ts';
import { StreamNames } from './stream-names.ts';

/** Calls of the reader thread. Each sees everything committed before it started. */
export type ReaderMethods = ReturnType<typeof methodsOf>;

function methodsOf(database: DatabaseSync) {
  const logs = new LogFinder(database);
  const names = new StreamNames(database);
  const messages = new MessageReader(database, logs, names);
  const pokes = new PokeReader(database, logs, names);
  const kept = new KeptReader(database, logs);
  const lists = new ListReader(database, logs);
  const groups = new GroupReader(database);
  return {
    readStream: (...args: Parameters<MessageReader['readStream']>) => packPage(messages.readStream(...args)),
    readLast: messages.readLast.bind(messages),
    read: (...args: Parameters<MessageReader['read']>) => packPage(messages.read(...args)),
    pokes: pokes.pokes.bind(pokes),
    last: pokes.last.bind(pokes),
    bounds: (id: LogId, selection: Selection) => logs.boundsOf(logs.get(id), selection),
    kept: kept.kept.bind(kept),
    version: lists.version.bind(lists),
    describeStream: lists.describeStream.bind(lists),
    listStreams: lists.listStreams.bind(lists),
    listCategories: lists.listCategories.bind(lists),
    summarize: logs.summarize.bind(logs),
    readGroups: groups.read.bind(groups),
    listGroups: groups.list.bind(groups),
    usage: readUsage(database),
    ping: () => {},
  };
}

/** Answers reads one after another, each in its own snapshot. */
export class Reader {
  readonly #database: DatabaseSync;
  readonly #methods: Record<string, (...args: never[]) => unknown>;

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#methods = methodsOf(database);
  }

  run({ number, method, args }: Call): Answer {
    try {
      // A failed read may have left its transaction open.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK');
      this.#database.exec('BEGIN');
      const value = this.#methods[method]!(...(args as never[]));
      this.#database.exec('COMMIT');
      return { number, value };
    } catch (error) {
      return { number, fault: faultOf(error) };
    }
  }
}
