import { isIPv6 } from 'node:net';
import { PokewireError } from '../errors.ts';
import type { OverloadWatch } from './overload.ts';

/** Limits of open subscriptions. */
export type PlaceLimits = {
  readonly maxSubscriptions: number;
  /** 0: no limit per namespace. */
  readonly maxSubscriptionsPerNamespace: number;
  /** 0: no limit per address. */
  readonly maxSubscriptionsPerAddress: number;
};

/** The holder of a quota. */
type Holder = {
  readonly namespaceId: string;
  /** IP address of the peer; undefined if there is no limit per address. */
  readonly address: string | undefined;
};

/**
 * Quotas of subscriptions. A quota is taken before anything is awaited and released at the end, so that concurrent
 * requests cannot exceed a limit. It is never revoked.
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

  /** Number of open subscriptions. */
  get taken(): number {
    return this.#taken;
  }

  /** Number of open subscriptions of one namespace. */
  takenBy(namespaceId: string): number {
    return this.#ofNamespace.get(namespaceId) ?? 0;
  }

  /** Whether addresses are counted. If not, callers save the system call for the address (load: connection-storm). */
  get limitsAddresses(): boolean {
    return this.#limits.maxSubscriptionsPerAddress > 0;
  }

  /** Takes a quota. Throws `TOO_MANY_SUBSCRIPTIONS` if a limit is reached, `OVERLOADED` during overload. */
  take({ namespaceId, address }: Holder): void {
    this.#overload.refuseSubscription();
    const { maxSubscriptions, maxSubscriptionsPerNamespace, maxSubscriptionsPerAddress } = this.#limits;
    if (this.#taken >= maxSubscriptions) refuse('', { maxSubscriptions });
    if (isFull(this.#ofNamespace.get(namespaceId), maxSubscriptionsPerNamespace)) {
      refuse(` of namespace ${namespaceId}`, { maxSubscriptionsPerNamespace });
    }
    const network = address === undefined ? undefined : networkOf(address);
    if (network !== undefined && isFull(this.#ofAddress.get(network), maxSubscriptionsPerAddress)) {
      refuse(' of your address', { maxSubscriptionsPerAddress });
    }
    this.#taken++;
    add(this.#ofNamespace, namespaceId, 1);
    if (network !== undefined) add(this.#ofAddress, network, 1);
  }

  /** Releases the quota. */
  release({ namespaceId, address }: Holder): void {
    this.#taken--;
    add(this.#ofNamespace, namespaceId, -1);
    if (address !== undefined) add(this.#ofAddress, networkOf(address), -1);
  }
}

/**
 * The unit in which addresses are counted: an IPv4 address, also if written as IPv6; the first 64 bits of an IPv6
 * address, because its holder usually has all addresses in that range.
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
    `All ${max} subscriptions${whose} are in use. Retry later, or close one first.`,
    { details: limit },
  );
}
