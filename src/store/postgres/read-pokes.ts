import type { Selection } from '../../message/selection.ts';
import { selects } from '../../message/selection.ts';
import { StreamName } from '../../message/stream-name.ts';
import { maxPagePokes } from '../shared/page-limits.ts';
import type { Answer } from './connection.ts';
import { isPokable } from './pokable.ts';
import { StreamNames } from './stream-names.ts';

/** Rows that one call for a part of the messages looks at. */
const leastRowsLookedAt = 256;
const maxRowsLookedAt = 8_192;

/** Rows of a backward look for one that is owned by a member. */
const rowsPerLook = 256;

export type Query = <Row extends readonly unknown[]>(text: string, values?: readonly unknown[]) => Promise<Answer<Row>>;

type Row = readonly [globalPosition: number, stream: string, position: number];

const streamNames = new StreamNames();

/** Where a message stands. */
export type Place = { readonly globalPosition: number; readonly stream: StreamName; readonly position: number };

/** Places of one page; `upTo` is as far as it looked. */
export type Places = { readonly places: readonly Place[]; readonly upTo: number; readonly atEnd: boolean };

const columns = 'global_position, stream_name, position';
const table = 'message_store.messages';

/** Places of selected messages behind `after` and up to the settled head. */
export async function readPlaces(
  query: Query,
  selection: Selection,
  after: number,
  limit: number,
  head: number,
): Promise<Places> {
  const most = Math.min(limit, maxPagePokes);
  const looked = rowsToLookAt(selection, most);
  const values: unknown[] = [after, head, looked];
  // Each part by its index, merged: one condition for all of them is planned over the primary key.
  const parts = partsOf(
    selection,
    values,
    'global_position > $1 AND global_position <= $2',
    'ORDER BY global_position LIMIT $3',
  );
  if (parts.length === 0 || head <= after) return { places: [], upTo: Math.max(after, head), atEnd: true };
  const { rows } = await query<Row>(merged(parts, 'ORDER BY global_position LIMIT $3'), values);
  const places: Place[] = [];
  let upTo = after;
  for (const [globalPosition, text, position] of rows) {
    if (globalPosition === upTo) continue;
    if (places.length === most) return { places, upTo, atEnd: false };
    upTo = globalPosition;
    if (!isPokable(text)) continue;
    const stream = streamNames.of(text);
    if (isWanted(selection, stream, position)) places.push({ globalPosition, stream, position });
  }
  return rows.length < looked ? { places, upTo: head, atEnd: true } : { places, upTo, atEnd: false };
}

/** Global position of the last selected message above `after` and at most `upTo`; `after` if there is none. */
export async function readLastPlace(query: Query, selection: Selection, after: number, upTo: number): Promise<number> {
  for (let below = upTo; below > after; ) {
    const values: unknown[] = [after, below, rowsPerLook];
    const order = 'ORDER BY global_position DESC LIMIT $3';
    const parts = partsOf(selection, values, 'global_position > $1 AND global_position <= $2', order);
    if (parts.length === 0) return after;
    const { rows } = await query<Row>(merged(parts, order), values);
    const found = rows.find(([, stream, position]) => isWanted(selection, new StreamName(stream), position));
    if (found !== undefined) return found[0];
    if (rows.length < rowsPerLook) return after;
    below = rows.at(-1)![0] - 1;
  }
  return after;
}

/** A member of a group finds its page among as many rows as all members fill theirs with, more or less. */
function rowsToLookAt(selection: Selection, most: number): number {
  const { group, fromPosition } = selection;
  if (group === null && fromPosition === 0) return most;
  const wanted = fromPosition > 0 ? maxRowsLookedAt : Math.max(leastRowsLookedAt, most * group!.size);
  return Math.floor(Math.max(most, Math.min(wanted, maxRowsLookedAt / Math.max(1, selectorCount(selection)))));
}

function selectorCount({ streams, categories }: Selection): number {
  return streams.length + categories.length;
}

function partsOf(selection: Selection, values: unknown[], range: string, end: string): string[] {
  if (selection.all) return [`SELECT ${columns} FROM ${table} WHERE ${range} ${end}`];
  const part = (condition: string, value: string) =>
    `SELECT ${columns} FROM ${table} WHERE ${condition} = $${values.push(value)} AND ${range} ${end}`;
  return [
    ...selection.streams.map((stream) => part('stream_name', stream)),
    ...selection.categories.map((category) => part('message_store.category(stream_name)', category)),
  ];
}

function merged(parts: readonly string[], end: string): string {
  return parts.length === 1 ? parts[0]! : `${parts.map((part) => `(${part})`).join(' UNION ALL ')} ${end}`;
}

function isWanted(selection: Selection, stream: StreamName, position: number): boolean {
  return (selection.group === null && selection.fromPosition === 0) || selects(selection, stream, position);
}
