import { hash } from 'node:crypto';
import type { ConsumerGroup } from './consumer-group.ts';
import type { StreamName } from './stream-name.ts';

/** Which messages a subscription asks for. A message is selected when at least one selector names it. */
export type Selection = {
  /** Every message of the namespace; the other selectors are empty then. */
  readonly all: boolean;
  /** Full stream names, without repetition. */
  readonly streams: readonly string[];
  /** Category names, without repetition. */
  readonly categories: readonly string[];
  /** Narrows the categories to the streams that one member owns; null: no group. */
  readonly group: ConsumerGroup | null;
  /** Only messages at this stream position or behind it; more than 0 only for a single stream. */
  readonly fromPosition: number;
};

/** Every message. */
export const everything: Selection = { all: true, streams: [], categories: [], group: null, fromPosition: 0 };

/** No message, to be completed by selectors. */
export const nothing: Selection = { ...everything, all: false };

/** How metrics and logs name what a subscription selects. */
export const selectionKinds = ['all', 'stream', 'category', 'group', 'mixed'] as const;

/** One of {@link selectionKinds}. */
export type SelectionKind = (typeof selectionKinds)[number];

/** The kind of a selection, one of five, so that it can be a metric's label. */
export function kindOfSelection(selection: Selection): SelectionKind {
  if (selection.all) return 'all';
  if (selection.group !== null) return 'group';
  if (selection.streams.length + selection.categories.length > 1) return 'mixed';
  return selection.streams.length === 1 ? 'stream' : 'category';
}

/** Equal for selections that select the same messages, so that their subscriptions can share one fan-out group. */
export function selectionKey(selection: Selection): string {
  const { all, streams, categories, group, fromPosition } = selection;
  return JSON.stringify([all, [...streams].sort(), [...categories].sort(), group?.member, group?.size, fromPosition]);
}

/** As {@link selectionKey}, but of one length, for what is kept after the request: a hundred long names are 100 KB. */
export function selectionDigest(selection: Selection): string {
  return hash('sha256', selectionKey(selection), 'base64url');
}

/** Whether the selection names this message. Routing uses indexes instead; stores and tests may ask one by one. */
export function selects(selection: Selection, stream: StreamName, position: number): boolean {
  if (position < selection.fromPosition) return false;
  if (selection.all || selection.streams.includes(stream.text)) return true;
  if (!selection.categories.includes(stream.category)) return false;
  return selection.group === null || stream.ownedBy(selection.group);
}
