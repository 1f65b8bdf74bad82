import { setImmediate as nextTurn } from 'node:timers/promises';
import { PokewireError } from '../../src/errors.ts';
import type { Log } from '../../src/store/log.ts';
import type { LogId } from '../../src/store/log-id.ts';
import type { NamespaceStore } from '../../src/store/namespace-store.ts';
import type { Store } from '../../src/store/store.ts';

/** Asynchronous calls of a store, its logs and its namespaces, except `close`. */
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

/** Faults of one call. */
type Fault = {
  /** Number of calls that succeed before the first failure. */
  skip: number;
  /** Number of calls that then fail. */
  fail: number;
  /** Whether the call takes effect and only its answer is lost. */
  readonly losesAnswer: boolean;
};

/** Makes a store slow, silent or faulty, call by call, like an engine on a network. */
export class StoreFaults {
  /** Number of calls so far. */
  readonly calls = new Map<StoreCall, number>();
  /** Turns of the event loop before an answer. */
  turns: (call: StoreCall) => number = () => 0;
  readonly #faults = new Map<StoreCall, Fault>();
  readonly #gates = new Map<StoreCall, PromiseWithResolvers<void>>();

  /** Wraps the store, its logs and its namespaces with these faults. Announcements are not affected. */
  wrap(store: Store): Store {
    const namespaces = this.#wrapCalls(store.namespaces);
    const log = (id: LogId) => this.#wrapCalls(store.log(id));
    return this.#wrapCalls(store, { namespaces, log });
  }

  /** After `skip` calls that succeed, `count` calls fail. */
  fail(call: StoreCall, { count = Number.POSITIVE_INFINITY, skip = 0, losesAnswer = false } = {}): void {
    this.#faults.set(call, { skip, fail: count, losesAnswer });
  }

  /** From now on the call gets no answer. */
  hold(call: StoreCall): void {
    this.#gates.set(call, Promise.withResolvers());
  }

  /** Ends every fault, and answers pending calls. */
  mend(): void {
    this.#faults.clear();
    for (const gate of this.#gates.values()) gate.resolve();
    this.#gates.clear();
  }

  /** The object with faulty calls, and with these members replaced. */
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
