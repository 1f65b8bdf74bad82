import { isDeepStrictEqual } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/message/message.ts';
import type { StoreCapabilities } from '../../src/store/capabilities.ts';
import { compareUtf8 } from '../../src/store/shared/utf8-order.ts';
import type { Store, StoreLimits } from '../../src/store/store.ts';
import { pokePool } from '../support/fake-messages.ts';
import { OpenedStore, type StoreHarness } from './opened-store.ts';

/** Requirements of a case on a store or its harness. */
export type Need =
  | 'appends'
  | 'imports'
  | 'replacements'
  | 'many namespaces'
  | 'stored tokens'
  | 'a byte limit'
  | 'retention'
  | 'erasure'
  | 'UTF-8 order'
  | 'exact counts'
  | 'groups'
  | 'a second handle'
  | 'reopening'
  | 'durability';

/** The most generous limits a store can have. */
export const noLimits: StoreLimits = { maxBytes: 0, maxBytesPerNamespace: 0, maxNamespaces: 1_000_000 };

/** Shared by the suite's cases: opens stores, and relaxes expectations. */
export class Suite {
  readonly capabilities: StoreCapabilities;
  /** Number of pairs that race. */
  readonly races: number;
  readonly #harness: StoreHarness;
  readonly #hasGroups: boolean;

  constructor(harness: StoreHarness, { capabilities, groups }: Pick<Store, 'capabilities' | 'groups'>) {
    this.#harness = harness;
    this.capabilities = capabilities;
    this.races = harness.races ?? 500;
    this.#hasGroups = groups !== undefined;
  }

  /** Opens an empty store for one test. */
  readonly open = async (limits: Partial<StoreLimits> = {}): Promise<OpenedStore> => {
    const pool = pokePool();
    return OpenedStore.over(await this.#harness.open({ pokes: pool, ...noLimits, ...limits }), pool, this.#harness);
  };

  /** A describe block that is skipped if the store lacks something, which then appears in the title. */
  readonly describe = (title: string, needs: readonly Need[], cases: () => void): void => {
    const lacking = needs.filter((need) => !this.#has(need));
    if (lacking.length === 0) describe(title, cases);
    else describe.skip(`${title} (needs ${lacking.join(' and ')})`, cases);
  };

  /** The same for a single test. */
  readonly test = (title: string, needs: readonly Need[], run: () => Promise<void>): void => {
    const lacking = needs.filter((need) => !this.#has(need));
    if (lacking.length === 0) test(title, run);
    else test.skip(`${title} (needs ${lacking.join(' and ')})`, run);
  };

  /** Compares messages: the text of payloads if the store keeps it, otherwise their values. */
  readonly expectSame = (read: readonly (Message | undefined)[], expected: readonly Message[]): void => {
    if (this.capabilities.verbatim) expect(read).toEqual(expected);
    else expect(read.map(parsed)).toEqual(expected.map(parsed));
  };

  /** Whether a payload equals the written one, as far as the store preserves it. */
  readonly isSameText = (text: string | null, expected: string | null): boolean =>
    this.capabilities.verbatim ? text === expected : isDeepStrictEqual(JSON.parse(text!), JSON.parse(expected!));

  /** A count of messages or streams; any number if the store only estimates. */
  readonly count = (count: number): number =>
    this.capabilities.counts === 'exact' ? count : (expect.any(Number) as number);

  /** Names in the order in which the store lists them: by UTF-8 bytes, unless it has its own. */
  readonly listed = (names: readonly string[]): string[] =>
    this.capabilities.listOrder === 'utf8' ? [...names] : [...names].sort(compareUtf8);

  #has(need: Need): boolean {
    const { capabilities } = this;
    switch (need) {
      case 'appends':
      case 'imports':
      case 'replacements':
      case 'retention':
      case 'erasure':
        return capabilities[need];
      case 'many namespaces':
        return capabilities.namespaces === 'many';
      case 'stored tokens':
        return capabilities.tokens === 'stored';
      case 'a byte limit':
        return capabilities.byteLimit;
      case 'UTF-8 order':
        return capabilities.listOrder === 'utf8';
      case 'exact counts':
        return capabilities.counts === 'exact';
      case 'groups':
        return this.#hasGroups;
      case 'a second handle':
        return this.#harness.second !== undefined;
      case 'reopening':
        return this.#harness.reopen !== undefined;
      case 'durability':
        return capabilities.durable;
    }
  }
}

function parsed(message: Message | undefined) {
  if (message === undefined) return undefined;
  const { data, metadata, ...rest } = message;
  return { ...rest, data: parsedValue(data), metadata: metadata === null ? null : parsedValue(metadata) };
}

/** The value of JSON text, with -0 as 0. */
function parsedValue(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown) => (value === 0 ? 0 : value));
}
