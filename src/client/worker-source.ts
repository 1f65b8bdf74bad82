import type { BackOff, pause } from './back-off.ts';
import type { call } from './callback.ts';
import type { ClientError } from './client-error.ts';
import type { readConnection } from './connection.ts';
import type { readPage } from './messages.ts';
import type { Selection } from './selection.ts';
import type { Subscribed } from './share.ts';
import type { Handlers, SubscribeOptions } from './subscription.ts';
import type { Transport } from './transport.ts';

/**
 * The functions of the client that a worker uses. Imports none of the client's code, so that bundlers put workers into
 * one chunk, loaded on first use.
 */
export type WorkerSource = {
  readonly client: { subscribe(selection: Selection & SubscribeOptions, handlers: Handlers): Subscribed };
  readonly transport: Transport;
  readonly BackOff: typeof BackOff;
  readonly ClientError: typeof ClientError;
  readonly call: typeof call;
  readonly pause: typeof pause;
  readonly connect: typeof readConnection;
  readonly read: typeof readPage;
};
