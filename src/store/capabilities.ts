import { PokewireError } from '../errors.ts';

/** What an engine can do, fixed when it is opened. The contract suite skips or relaxes its cases by these. */
export type StoreCapabilities = {
  /** `one`: only the namespace `default`, which can neither be created nor deleted. */
  readonly namespaces: 'many' | 'one';
  /** `process`: tokens are those of one process, neither kept nor shared between nodes. */
  readonly tokens: 'stored' | 'process';
  /** Whether messages can be appended here, or only by others. */
  readonly appends: boolean;
  /** Messages that one append may have. Infinity: as many as a request may. */
  readonly largestAppend: number;
  /** Whether messages can be stored with positions that they have already. */
  readonly imports: boolean;
  /** Whether an import can replace a whole log in one step. */
  readonly replacements: boolean;
  /** Whether messages outlive the process. */
  readonly durable: boolean;
  /** Whether the whole store can be copied while it goes on. */
  readonly backups: boolean;
  /** Whether payload text comes back exactly as it was written, and not only as the same JSON value. */
  readonly verbatim: boolean;
  /** Whether messages and namespaces are refused beyond a number of bytes, of the store and of a namespace. */
  readonly byteLimit: boolean;
  /** Whether it forgets messages by rules. */
  readonly retention: boolean;
  /** Whether it can erase single messages and streams. */
  readonly erasure: boolean;
  /** Order of lists: UTF-8 bytes, or the engine's own. */
  readonly listOrder: 'utf8' | 'store';
  /** Whether counts of messages and streams are exact. */
  readonly counts: 'exact' | 'estimated';
};

/** What a route may need of the store. */
export type Support =
  | 'appends'
  | 'imports'
  | 'replacements'
  | 'backups'
  | 'namespaces'
  | 'retention'
  | 'erasure'
  | 'tokens';

const needs: Readonly<Record<Support, string>> = {
  appends: 'take appends: it only reads what other programs write',
  imports: 'import messages with the positions they have',
  replacements: 'replace a whole log',
  retention: 'delete messages by rules: the programs that write to it decide what it keeps',
  erasure: 'erase messages',
  backups: 'make backups',
  tokens: 'store more tokens: run `pokewire store init` and restart the server',
  namespaces: 'create or delete namespaces: it has the one namespace `default`',
};

/** Throws `NOT_SUPPORTED` when the store cannot do it. */
export function requireSupport(
  { kind, capabilities }: { readonly kind: string; readonly capabilities: StoreCapabilities },
  support: Support,
): void {
  if (isSupported(capabilities, support)) return;
  throw new PokewireError('NOT_SUPPORTED', `The ${kind} store cannot ${needs[support]}.`, {
    details: { store: kind, support },
  });
}

/** Refuses a call that the engine does not support, as {@link requireSupport} does, for good. */
export function refuseUnsupported(
  store: { readonly kind: string; readonly capabilities: StoreCapabilities },
  support: Support,
): never {
  requireSupport(store, support);
  throw new Error(`the capabilities of the ${store.kind} store include ${support}`);
}

function isSupported(capabilities: StoreCapabilities, support: Support): boolean {
  if (support === 'namespaces') return capabilities.namespaces === 'many';
  return support === 'tokens' ? capabilities.tokens === 'stored' : capabilities[support];
}
