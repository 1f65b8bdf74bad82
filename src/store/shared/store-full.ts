import { PokewireError } from '../../errors.ts';
import type { StoreFull } from '../log.ts';

/**
 * Error text naming the limit that was reached. Omits the store's size, which would give one tenant information about
 * others.
 */
export function fullText({ limit, bytes, maxBytes }: StoreFull): string {
  if (limit === 'store') return 'This would exceed the byte limit of the store.';
  if (limit === 'disk') return 'The disk of the store is full; reads and subscriptions continue.';
  return `The namespace uses ${bytes} of its ${maxBytes} bytes, and this would exceed its limit.`;
}

/** The error for a write that does not fit. */
export function storeFull(full: StoreFull): PokewireError {
  const { limit, bytes, maxBytes } = full;
  return new PokewireError('STORE_FULL', fullText(full), {
    details: limit === 'namespace' ? { limit, bytes, maxBytes } : { limit },
  });
}
