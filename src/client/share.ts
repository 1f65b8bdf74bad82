import type { Selectors } from './selection.ts';
import type { State } from './state.ts';
import type { Handlers, SubscribeOptions } from './subscription.ts';

/** A standing subscription, whoever holds its connection. */
export interface Subscribed extends Disposable {
  readonly state: State;
  /** The id behind which everything was delivered, to begin there later; undefined: not known yet. */
  readonly cursor: string | undefined;
  /** Global position of the cursor; undefined: not known. */
  readonly position: number | undefined;
  /** The log that is told; undefined before the first connection. */
  readonly epoch: string | undefined;
  close(): void;
}

/** Opens a connection of one's own. */
export type Open = (selectors: Selectors, options: SubscribeOptions, handlers: Handlers) => Subscribed;

/** Answers a subscription from a connection that several share; undefined: it needs its own. */
export type Share = (
  open: Open,
  selectors: Selectors,
  options: SubscribeOptions,
  handlers: Handlers,
) => Subscribed | undefined;
