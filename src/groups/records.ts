import { type GroupRecord, type GroupStore, maxGroupRecordBytes } from '../store/group-store.ts';

/** Maximum number of records cached. */
const maxKnown = 16_384;

/** A record as it was last read or written. */
export type Known<T> = { readonly revision: number; readonly value: T };

/** Outcome of a change. `kept`: the change is not permitted for the current record, which is the value. Undefined value: no record. */
export type ChangeOutcome<T> =
  | { readonly outcome: 'changed'; readonly value: T }
  | { readonly outcome: 'kept'; readonly value: T | undefined };

/**
 * Records of one kind, changed by compare-and-set. The cache saves the read before a change: a change based on an older
 * revision loses, and is repeated with the current record.
 */
export class Records<T> {
  readonly #store: GroupStore;
  readonly #isQuiet: boolean;
  readonly #known = new Map<string, Known<T>>();
  /** Called for each concurrent change by another node. */
  readonly #conflicted: () => void;
  readonly #noted: (key: string, value: T | undefined) => void;

  /** `noted`: called with each value that is cached, and with undefined when it is dropped. */
  constructor(
    store: GroupStore,
    isQuiet: boolean,
    conflicted: () => void,
    noted: (key: string, value: T | undefined) => void = () => {},
  ) {
    this.#store = store;
    this.#isQuiet = isQuiet;
    this.#conflicted = conflicted;
    this.#noted = noted;
  }

  /** The cached value, without reading the store. */
  known(key: string): T | undefined {
    return this.#known.get(key)?.value;
  }

  /** Reads the current record. */
  async read(key: string): Promise<T | undefined> {
    const [value] = await this.readAll([key]);
    return value;
  }

  async readAll(keys: readonly string[]): Promise<(T | undefined)[]> {
    const records = await this.#store.read(keys);
    return records.map((record, index) => this.#take(keys[index]!, record)?.value);
  }

  /** Adds listed records to the cache. */
  take(records: readonly GroupRecord[]): T[] {
    return records.map((record) => this.#take(record.key, record)!.value);
  }

  /** Creates a record if there is none; returns whether this call did. */
  async create(key: string, value: T): Promise<boolean> {
    const [isMade] = await this.createAll([{ key, value }]);
    return isMade!;
  }

  async createAll(entries: readonly { readonly key: string; readonly value: T }[]): Promise<boolean[]> {
    const isQuiet = this.#isQuiet;
    const revisions = await this.#store.write(
      entries.map(({ key, value }) => ({ key, revision: 0, text: textOf(value), isQuiet })),
    );
    return revisions.map((revision, index) => {
      const { key, value } = entries[index]!;
      if (revision !== undefined) this.#note(key, { revision, value });
      return revision !== undefined;
    });
  }

  /**
   * Retries a change until it succeeds. `edit` returns the new value, the same value for no change, or undefined if the
   * change is not permitted; it is called again whenever another writer has changed the value.
   */
  async change(key: string, edit: (value: T) => T | undefined, isQuiet = this.#isQuiet): Promise<ChangeOutcome<T>> {
    let known = this.#known.get(key);
    let isFresh = false;
    for (;;) {
      if (known === undefined) {
        const [record] = await this.#store.read([key]);
        known = this.#take(key, record);
        isFresh = true;
        if (known === undefined) return { outcome: 'kept', value: undefined };
      }
      const { revision, value } = known;
      const edited = edit(value);
      if (edited !== undefined && edited !== value) {
        const [written] = await this.#store.write([{ key, revision, text: textOf(edited), isQuiet }]);
        if (written !== undefined) {
          this.#note(key, { revision: written, value: edited });
          return { outcome: 'changed', value: edited };
        }
        this.#conflicted();
      } else if (isFresh) return { outcome: 'kept', value };
      // The cached value may be outdated: only the stored record shows that there is nothing to change.
      known = undefined;
    }
  }

  /** Removes a cached record. Returns false if it has changed in the meantime. */
  async remove(key: string): Promise<boolean> {
    const known = this.#known.get(key);
    if (known === undefined) return false;
    const { revision } = known;
    const [written] = await this.#store.write([{ key, revision, text: undefined, isQuiet: this.#isQuiet }]);
    this.#forget(key);
    return written !== undefined;
  }

  #take(key: string, record: GroupRecord | undefined): Known<T> | undefined {
    if (record === undefined) {
      this.#forget(key);
      return undefined;
    }
    const known = this.#known.get(key);
    // Answers may overtake each other.
    if (known !== undefined && known.revision >= record.revision) return known;
    return this.#note(key, { revision: record.revision, value: JSON.parse(record.text) as T });
  }

  #note(key: string, known: Known<T>): Known<T> {
    const old = this.#known.get(key);
    if (old !== undefined && old.revision > known.revision) return known;
    this.#known.delete(key);
    this.#known.set(key, known);
    if (this.#known.size > maxKnown) this.#forget(this.#known.keys().next().value!);
    this.#noted(key, known.value);
    return known;
  }

  #forget(key: string): void {
    if (this.#known.delete(key)) this.#noted(key, undefined);
  }
}

/** Removes all records with a key prefix. */
export async function removeRecords(store: GroupStore, prefix: string): Promise<void> {
  for (;;) {
    const records = await store.list(prefix, undefined, 500);
    if (records.length === 0) return;
    await store.write(records.map(({ key, revision }) => ({ key, revision, text: undefined, isQuiet: true })));
  }
}

function textOf(value: unknown): string {
  const text = JSON.stringify(value);
  if (text.length * 3 > maxGroupRecordBytes && Buffer.byteLength(text) > maxGroupRecordBytes) {
    throw new RangeError(`a record of a group has more than ${maxGroupRecordBytes} bytes`);
  }
  return text;
}
