import { PokewireError } from '../errors.ts';

/** The features of an engine, fixed when it is opened. Selects and relaxes cases of the contract suite. */
export type StoreCapabilities = {
  /** `one`: only the namespace `default`, which can be neither created nor deleted. */
  readonly namespaces: 'many' | 'one';
  /** `process`: tokens belong to one process; they are neither stored nor shared between nodes. */
  readonly tokens: 'stored' | 'process';
  /** Whether Pokewire can append messages, or only other programs. */
  readonly appends: boolean;
  /** Maximum number of messages in one append. Infinity: bounded by the request only. */
  readonly largestAppend: number;
  /** Whether it can store messages that already have positions. */
  readonly imports: boolean;
  /** Whether an import can replace a whole log in one step. */
  readonly replacements: boolean;
  /** Whether messages survive the process. */
  readonly durable: boolean;
  /** Whether the whole store can be copied while in use. */
  readonly backups: boolean;
  /** Whether payload text is returned exactly as written, rather than only as the same JSON value. */
  readonly verbatim: boolean;
  /** Whether it limits the bytes of the store and of each namespace. */
  readonly byteLimit: boolean;
  /** Whether it deletes messages by retention rules. */
  readonly retention: boolean;
  /** Whether it can erase single messages and streams. */
  readonly erasure: boolean;
  /** How lists are sorted: by UTF-8 bytes, or in the engine's own order. */
  readonly listOrder: 'utf8' | 'store';
  /** Whether counts of messages and streams are exact. */
  readonly counts: 'exact' | 'estimated';
};

/** Capabilities that a route may require. */
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

/** Throws `NOT_SUPPORTED` if the store lacks the capability. */
export function requireSupport(
  { kind, capabilities }: { readonly kind: string; readonly capabilities: StoreCapabilities },
  support: Support,
): void {
  if (isSupported(capabilities, support)) return;
  throw new PokewireError('NOT_SUPPORTED', `The ${kind} store cannot ${needs[support]}.`, {
    details: { store: kind, support },
  });
}

/** Throws `NOT_SUPPORTED`, for a method that the engine lacks. */
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
