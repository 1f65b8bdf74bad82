import { hash } from 'node:crypto';
import type { ConsumerGroup } from './consumer-group.ts';
import type { StreamName } from './stream-name.ts';

/** The messages that a subscription asks for. A message is selected when at least one selector matches it. */
export type Selection = {
  /** Selects every message of the namespace; the other selectors are then empty. */
  readonly all: boolean;
  /** Full stream names without duplicates. */
  readonly streams: readonly string[];
  /** Category names without duplicates. */
  readonly categories: readonly string[];
  /** Restricts the categories to the streams of one member; null: no group. */
  readonly group: ConsumerGroup | null;
  /** Only messages at or after this stream position. Above 0 only for a single stream. */
  readonly fromPosition: number;
};

/** Selects every message. */
export const everything: Selection = { all: true, streams: [], categories: [], group: null, fromPosition: 0 };

/** Selects no message; a base for selectors. */
export const nothing: Selection = { ...everything, all: false };

/** Names of selections in metrics and logs. */
export const selectionKinds = ['all', 'stream', 'category', 'group', 'mixed'] as const;

/** One of {@link selectionKinds}. */
export type SelectionKind = (typeof selectionKinds)[number];

/** The kind of a selection. One of five values, so it can be a metric label. */
export function kindOfSelection(selection: Selection): SelectionKind {
  if (selection.all) return 'all';
  if (selection.group !== null) return 'group';
  if (selection.streams.length + selection.categories.length > 1) return 'mixed';
  return selection.streams.length === 1 ? 'stream' : 'category';
}

/** Equal for selections that select the same messages, so that their subscriptions share one fan-out group. */
export function selectionKey(selection: Selection): string {
  const { all, streams, categories, group, fromPosition } = selection;
  return JSON.stringify([all, [...streams].sort(), [...categories].sort(), group?.member, group?.size, fromPosition]);
}

/** Like {@link selectionKey} but of fixed length, for keeping beyond the request: a hundred long names are 100 KB. */
export function selectionDigest(selection: Selection): string {
  return hash('sha256', selectionKey(selection), 'base64url');
}

/** Whether the selection includes this message. Routing uses indexes instead; stores and tests may check one message at a time. */
export function selects(selection: Selection, stream: StreamName, position: number): boolean {
  if (position < selection.fromPosition) return false;
  if (selection.all || selection.streams.includes(stream.text)) return true;
  if (!selection.categories.includes(stream.category)) return false;
  return selection.group === null || stream.ownedBy(selection.group);
}
