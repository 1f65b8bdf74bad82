import { isIPv6 } from 'node:net';
import { PokewireError } from '../errors.ts';
import type { OverloadWatch } from './overload.ts';

/** How many subscriptions may be open. */
export type PlaceLimits = {
  readonly maxSubscriptions: number;
  /** 0: no limit of its own. */
  readonly maxSubscriptionsPerNamespace: number;
  /** 0: no limit of its own. */
  readonly maxSubscriptionsPerAddress: number;
};

/** Who a place is for. */
type Holder = {
  readonly namespaceId: string;
  /** IP address of the peer; undefined where addresses have no limit of their own. */
  readonly address: string | undefined;
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

  /** Of these, the places of one namespace. */
  takenBy(namespaceId: string): number {
    return this.#ofNamespace.get(namespaceId) ?? 0;
  }

  /** Whether addresses are counted. If not, callers save the system call that looks one up (load: connection-storm). */
  get limitsAddresses(): boolean {
    return this.#limits.maxSubscriptionsPerAddress > 0;
  }

  /** Takes a place; throws `TOO_MANY_SUBSCRIPTIONS` when there is none, `OVERLOADED` when none is given away now. */
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

  /** Gives the place back. */
  release({ namespaceId, address }: Holder): void {
    this.#taken--;
    add(this.#ofNamespace, namespaceId, -1);
    if (address !== undefined) add(this.#ofAddress, networkOf(address), -1);
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
    `All ${max} subscriptions${whose} are in use. Retry later, or close one first.`,
    { details: limit },
  );
}
