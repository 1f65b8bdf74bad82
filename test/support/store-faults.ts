import { setImmediate as nextTurn } from 'node:timers/promises';
import { PokewireError } from '../../src/errors.ts';
import type { Log } from '../../src/store/log.ts';
import type { LogId } from '../../src/store/log-id.ts';
import type { NamespaceStore } from '../../src/store/namespace-store.ts';
import type { Store } from '../../src/store/store.ts';

/** Calls of a store, its logs and its namespaces that answer by a promise, `close` apart. */
export const storeCalls = [
  'append',
  'beginImport',
  'readStream',
  'readLast',
  'read',
  'pokes',
  'last',
  'bounds',
  'version',
  'describeStream',
  'listStreams',
  'listCategories',
  'beginReplacement',
  'backup',
  'summarize',
  'check',
  'usage',
  'create',
  'find',
  'list',
  'setTokens',
  'remove',
  'changesSince',
] as const satisfies readonly (keyof Log | keyof Store | keyof NamespaceStore)[];

export type StoreCall = (typeof storeCalls)[number];

/** What is wrong with one call. */
type Fault = {
  /** Calls that go well before the first one that fails. */
  skip: number;
  /** Calls that fail then. */
  fail: number;
  /** Whether the store does what it is asked and only the answer is lost. */
  readonly losesAnswer: boolean;
};

/** Makes a store slow, silent or faulty, call by call, as an engine behind a network may be. */
export class StoreFaults {
  /** Calls made so far. */
  readonly calls = new Map<StoreCall, number>();
  /** Gives the turns of the event loop before an answer. */
  turns: (call: StoreCall) => number = () => 0;
  readonly #faults = new Map<StoreCall, Fault>();
  readonly #gates = new Map<StoreCall, PromiseWithResolvers<void>>();

  /** The store with these faults, also in its logs and its namespaces. Whoever follows them is told as before. */
  wrap(store: Store): Store {
    const namespaces = this.#wrapCalls(store.namespaces);
    const log = (id: LogId) => this.#wrapCalls(store.log(id));
    return this.#wrapCalls(store, { namespaces, log });
  }

  /** Behind `skip` calls that go well, `count` fail. */
  fail(call: StoreCall, { count = Number.POSITIVE_INFINITY, skip = 0, losesAnswer = false } = {}): void {
    this.#faults.set(call, { skip, fail: count, losesAnswer });
  }

  /** From now on the call is not answered. */
  hold(call: StoreCall): void {
    this.#gates.set(call, Promise.withResolvers());
  }

  /** Ends every fault, and answers what waits. */
  mend(): void {
    this.#faults.clear();
    for (const gate of this.#gates.values()) gate.resolve();
    this.#gates.clear();
  }

  /** The object with faulty calls, and with these members in place of its own. */
  #wrapCalls<T extends object>(object: T, replaced: Partial<T> = {}): T {
    return new Proxy(object, {
      get: (target, name) => {
        if (Object.hasOwn(replaced, name)) return Reflect.get(replaced, name);
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        const call = storeCalls.find((known) => known === name);
        if (call === undefined) return value.bind(target);
        return (...args: unknown[]) => this.#answer(call, () => Reflect.apply(value, target, args) as Promise<unknown>);
      },
    });
  }

  async #answer(call: StoreCall, ask: () => Promise<unknown>): Promise<unknown> {
    this.calls.set(call, (this.calls.get(call) ?? 0) + 1);
    const fault = this.#takeFault(call);
    if (fault === undefined || fault.losesAnswer) {
      const answer = await ask();
      for (let turns = this.turns(call); turns > 0; turns--) await nextTurn();
      await this.#gates.get(call)?.promise;
      if (fault === undefined) return answer;
      if (call === 'pokes') (answer as Awaited<ReturnType<Log['pokes']>>).release();
    }
    await nextTurn();
    throw new PokewireError('BACKEND_ERROR', 'The store failed.', { cause: new Error(`injected into ${call}`) });
  }

  #takeFault(call: StoreCall): Fault | undefined {
    const fault = this.#faults.get(call);
    if (fault === undefined || fault.fail === 0) return undefined;
    if (fault.skip > 0) {
      fault.skip--;
      return undefined;
    }
    fault.fail--;
    return fault;
  }
}
