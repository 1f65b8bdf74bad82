import { randomUUIDv7 } from 'node:crypto';
import type { NewMessage } from '../../src/message/message.ts';
import { Poke } from '../../src/message/poke.ts';
import type { Selection } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { ObjectPool } from '../../src/pool/object-pool.ts';

/** A message to append; with an `id` it counts as given by the client. */
export function newMessage(parts: Partial<Omit<NewMessage, 'given'>> = {}): NewMessage {
  return {
    id: parts.id ?? randomUUIDv7(),
    given: parts.id !== undefined,
    type: parts.type ?? 'Deposited',
    data: parts.data ?? '{}',
    metadata: parts.metadata ?? null,
  };
}

/** This many messages to append. */
export function newMessages(count: number): NewMessage[] {
  return Array.from({ length: count }, () => newMessage());
}

/** A UUID that ends with this number. */
export function uuid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}

/** A poke of a message, appended at an unknown time. */
export function pokeOf(stream: string, position: number, globalPosition: number): Poke {
  return new Poke().set(new StreamName(stream), position, globalPosition, 0);
}

/** A selection; missing parts select nothing. */
export function selectionOf(parts: Partial<Selection>): Selection {
  return { all: false, streams: [], categories: [], group: null, fromPosition: 0, ...parts };
}

/** Selects every message. */
export const everything: Selection = selectionOf({ all: true });

/** A small pool of pokes; `stats.leased` counts those not returned. */
export function pokePool(min = 4, max = 16): ObjectPool<Poke> {
  return new ObjectPool(() => new Poke(), { min, max });
}
