import { randomInt } from 'node:crypto';
import { isIPv6 } from 'node:net';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { PokewireError } from '../errors.ts';
import type { Holder } from '../hub/subscription.ts';
import { AppendCounts } from './append-counts.ts';
import { grantOf, logOf } from './authenticate.ts';
import type { OverloadWatch } from './overload.ts';

/** Counts an append; throws `RATE_LIMITED` when it is one too many, `OVERLOADED` when there is no memory for it. */
export type LimitAppends = (request: FastifyRequest, reply: FastifyReply) => Promise<void> | undefined;

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route that appends calls it first, once for each append. */
    limitAppends: LimitAppends;
  }
}

const second = 1_000;

/** Gives the server `limitAppends`. `maxPerSecond` counts for each namespace; 0: no limit. */
export function useAppendLimit(server: FastifyInstance, maxPerSecond: number, overload: OverloadWatch): void {
  server.decorate('limitAppends', () => {
    overload.refuseAppend();
    return undefined;
  });
  if (maxPerSecond === 0) return;
  server.register(rateLimit, { global: false, store: AppendCounts });
  server.after(() => {
    const count = server.createRateLimit({ max: maxPerSecond, timeWindow: second, keyGenerator: logOf });
    server.limitAppends = async (request, reply) => {
      overload.refuseAppend();
      const state = await count(request);
      if (state.isAllowed || !state.isExceeded) return;
      retryAfter(reply, state.ttlInSeconds, 2);
      throw new PokewireError(
        'RATE_LIMITED',
        `Namespace ${grantOf(request).namespace.id} may make ${maxPerSecond} appends a second. Come again later.`,
        { details: { maxAppendsPerSecond: maxPerSecond } },
      );
    };
  });
}

/** Says when to come again: after `leastSeconds`, and up to `spreadSeconds` later, so that not all come at once. */
export function retryAfter(reply: FastifyReply, leastSeconds: number, spreadSeconds: number): void {
  reply.header('retry-after', String(leastSeconds + randomInt(spreadSeconds + 1)));
}

/** How many subscriptions may be open. */
export type PlaceLimits = {
  readonly maxSubscriptions: number;
  /** 0: no limit of its own. */
  readonly maxSubscriptionsPerNamespace: number;
  /** 0: no limit of its own. */
  readonly maxSubscriptionsPerAddress: number;
};

/**
 * Places for subscriptions: one is taken before anything is waited for and given back at the end, so that no number of
 * simultaneous requests exceeds a limit. Who has a place keeps it.
 */
export class Places {
  readonly #limits: PlaceLimits;
  readonly #overload: Pick<OverloadWatch, 'refuseSubscription'>;
  #taken = 0;
  readonly #ofNamespace = new Map<string, number>();
  readonly #ofAddress = new Map<string, number>();

  constructor(limits: PlaceLimits, overload: Pick<OverloadWatch, 'refuseSubscription'>) {
    this.#limits = limits;
    this.#overload = overload;
  }

  /** Places taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Takes a place; throws `TOO_MANY_SUBSCRIPTIONS` when there is none, `OVERLOADED` when none is given away now. */
  take({ namespaceId, address }: Holder): void {
    this.#overload.refuseSubscription();
    const { maxSubscriptions, maxSubscriptionsPerNamespace, maxSubscriptionsPerAddress } = this.#limits;
    const network = networkOf(address);
    if (this.#taken >= maxSubscriptions) refuse('', { maxSubscriptions });
    if (isFull(this.#ofNamespace.get(namespaceId), maxSubscriptionsPerNamespace)) {
      refuse(` of namespace ${namespaceId}`, { maxSubscriptionsPerNamespace });
    }
    if (isFull(this.#ofAddress.get(network), maxSubscriptionsPerAddress)) {
      refuse(' of your address', { maxSubscriptionsPerAddress });
    }
    this.#taken++;
    add(this.#ofNamespace, namespaceId, 1);
    add(this.#ofAddress, network, 1);
  }

  /** Gives the place back. */
  release({ namespaceId, address }: Holder): void {
    this.#taken--;
    add(this.#ofNamespace, namespaceId, -1);
    add(this.#ofAddress, networkOf(address), -1);
  }
}

/**
 * What counts as one address: an IPv4 address, also when it is written as an IPv6 one, and the first 64 bits of an IPv6
 * address, because whoever has one has all behind them.
 */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1]!;
  if (!isIPv6(address)) return address;
  const [before = '', after] = address.split('%', 1)[0]!.split('::');
  const groups = before === '' ? [] : before.split(':');
  const behind = after === undefined || after === '' ? [] : after.split(':');
  const zeros = after === undefined ? 0 : 8 - groups.length - behind.length;
  const all = [...groups, ...new Array<string>(Math.max(0, zeros)).fill('0'), ...behind];
  return all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':');
}

function isFull(taken = 0, max: number): boolean {
  return max > 0 && taken >= max;
}

function add(counts: Map<string, number>, key: string, change: 1 | -1): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}

function refuse(whose: string, limit: Partial<PlaceLimits>): never {
  const [max] = Object.values(limit);
  throw new PokewireError(
    'TOO_MANY_SUBSCRIPTIONS',
    `All ${max} subscriptions${whose} are taken. Come again later, or end one first.`,
    { details: limit },
  );
}
