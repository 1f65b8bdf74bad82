import type { Selectors } from './selection.ts';
import type { State } from './state.ts';
import type { Handlers, SubscribeOptions } from './subscription.ts';

/** A subscription, with its own connection or a shared one. */
export interface Subscribed extends Disposable {
  readonly state: State;
  /** Id of the last event, to resume after it later; undefined if not known yet. */
  readonly cursor: string | undefined;
  /** Global position of the cursor; undefined: unknown. */
  readonly position: number | undefined;
  /** Epoch of the log; undefined before the first connection. */
  readonly epoch: string | undefined;
  close(): void;
}

/** Opens a subscription with its own connection. */
export type Open = (selectors: Selectors, options: SubscribeOptions, handlers: Handlers) => Subscribed;

/** Serves a subscription from a shared connection; undefined: it needs its own. */
export type Share = (
  open: Open,
  selectors: Selectors,
  options: SubscribeOptions,
  handlers: Handlers,
) => Subscribed | undefined;
