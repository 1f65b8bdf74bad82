import type { Selection } from '../../message/selection.ts';
import { selects } from '../../message/selection.ts';
import { StreamName } from '../../message/stream-name.ts';
import { maxPagePokes } from '../shared/page-limits.ts';
import type { Answer } from './connection.ts';
import { isPokable } from './pokable.ts';
import { StreamNames } from './stream-names.ts';

/** Fewest rows that one call examines when the selection is a part of the messages. */
const leastRowsLookedAt = 256;
const maxRowsLookedAt = 8_192;

/** Rows per step of a backward search for a message that a member owns. */
const rowsPerLook = 256;

export type Query = <Row extends readonly unknown[]>(text: string, values?: readonly unknown[]) => Promise<Answer<Row>>;

type Row = readonly [globalPosition: number, stream: string, position: number];

const streamNames = new StreamNames();

/** Positions of one message. */
export type Place = { readonly globalPosition: number; readonly stream: StreamName; readonly position: number };

/** Positions of one page; `upTo`: how far the search went. */
export type Places = { readonly places: readonly Place[]; readonly upTo: number; readonly atEnd: boolean };

const columns = 'global_position, stream_name, position';
const table = 'message_store.messages';

/** Positions of selected messages after `after`, up to the settled head. */
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
  // One index scan per part, merged: PostgreSQL would plan a single condition over the primary key.
  const parts = partsOf(selection, values, 'ASC');
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
    const parts = partsOf(selection, values, 'DESC');
    if (parts.length === 0) return after;
    const { rows } = await query<Row>(merged(parts, 'ORDER BY global_position DESC LIMIT $3'), values);
    const found = rows.find(([, stream, position]) => isWanted(selection, new StreamName(stream), position));
    if (found !== undefined) return found[0];
    if (rows.length < rowsPerLook) return after;
    below = rows.at(-1)![0] - 1;
  }
  return after;
}

/** Rows to examine: a member of a group needs about as many rows as all members need for their pages together. */
function rowsToLookAt(selection: Selection, most: number): number {
  const { group, fromPosition } = selection;
  if (group === null && fromPosition === 0) return most;
  const wanted = fromPosition > 0 ? maxRowsLookedAt : Math.max(leastRowsLookedAt, most * group!.size);
  return Math.floor(Math.max(most, Math.min(wanted, maxRowsLookedAt / Math.max(1, selectorCount(selection)))));
}

function selectorCount({ streams, categories }: Selection): number {
  return streams.length + categories.length;
}

/** Which end of the range to start from. */
type Direction = 'ASC' | 'DESC';

function partsOf(selection: Selection, values: unknown[], direction: Direction): string[] {
  const range = 'global_position > $1 AND global_position <= $2';
  const end = `ORDER BY global_position ${direction} LIMIT $3`;
  if (selection.all) return [`SELECT ${columns} FROM ${table} WHERE ${range} ${end}`];
  const ofStreams = () =>
    `SELECT ${columns} FROM unnest($${values.push(selection.streams)}::text[]) AS wanted(name)
      CROSS JOIN LATERAL (${firstSql}) AS first(place)
      CROSS JOIN LATERAL (SELECT ${columns} FROM ${table} WHERE stream_name = wanted.name AND position >= first.place
        AND ${range} ORDER BY position ${direction} LIMIT $3) AS found ${end}`;
  const ofCategory = (category: string) =>
    `SELECT ${columns} FROM ${table}
      WHERE message_store.category(stream_name) = $${values.push(category)} AND ${range} ${end}`;
  const parts = selection.categories.map(ofCategory);
  return selection.streams.length === 0 ? parts : [...parts, ofStreams()];
}

/**
 * The first position of a wanted stream after global position $1, or the position after its last. There is no index by
 * stream and global position, but both increase together, so a binary search takes some twenty look-ups in a stream of
 * a million. Positions may be missing.
 */
const firstSql = `WITH RECURSIVE search(low, high) AS (
    SELECT 0::bigint, coalesce((SELECT max(position) FROM ${table} WHERE stream_name = wanted.name), -1) + 1
    UNION ALL
    SELECT CASE WHEN next.global_position <= $1 THEN next.position + 1 ELSE low END,
      CASE WHEN next.global_position <= $1 THEN high ELSE (low + high) / 2 END
    FROM search LEFT JOIN LATERAL (
      SELECT position, global_position FROM ${table}
      WHERE stream_name = wanted.name AND position >= (low + high) / 2 ORDER BY position LIMIT 1
    ) AS next ON true WHERE low < high
  ) SELECT low FROM search WHERE low >= high`;

function merged(parts: readonly string[], end: string): string {
  return parts.length === 1 ? parts[0]! : `${parts.map((part) => `(${part})`).join(' UNION ALL ')} ${end}`;
}

function isWanted(selection: Selection, stream: StreamName, position: number): boolean {
  return (selection.group === null && selection.fromPosition === 0) || selects(selection, stream, position);
}
