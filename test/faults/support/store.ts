import { setImmediate as nextTurn } from 'node:timers/promises';
import { PokewireError } from '../../../src/errors.ts';
import type { MessageStore } from '../../../src/store/message-store.ts';

/** Calls of a store that answer by a promise, `close` apart. */
export const storeCalls = [
  'append',
  'beginImport',
  'readStream',
  'readLast',
  'readLog',
  'readPokes',
  'describeLog',
  'begin',
  'drop',
  'version',
  'extent',
  'lastOf',
  'describeStream',
  'listStreams',
  'listCategories',
  'check',
  'usage',
] as const satisfies readonly (keyof MessageStore)[];

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

  /** The store with these faults. Whoever watches it is told as before. */
  wrap(store: MessageStore): MessageStore {
    return new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== 'function') return value;
        const call = storeCalls.find((known) => known === name);
        if (call === undefined) return value.bind(target);
        return (...args: unknown[]) => this.#answer(call, () => Reflect.apply(value, target, args) as Promise<unknown>);
      },
    });
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

  async #answer(call: StoreCall, ask: () => Promise<unknown>): Promise<unknown> {
    this.calls.set(call, (this.calls.get(call) ?? 0) + 1);
    const fault = this.#takeFault(call);
    if (fault === undefined || fault.losesAnswer) {
      const answer = await ask();
      for (let turns = this.turns(call); turns > 0; turns--) await nextTurn();
      await this.#gates.get(call)?.promise;
      if (fault === undefined) return answer;
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
