import { parseCursor, tagOf } from '../../src/sse/cursor.ts';

/** Cache for the last epoch: hashing for each of millions of pokes takes longer than the rest of judging them. */
let last = { epoch: '', tag: tagOf('') };

/**
 * The global position in an event's id, which only tests may parse; undefined: there is none. Throws if the id is not a
 * cursor, or belongs to another log than `epoch`.
 */
export function positionIn(id: string, epoch?: string): number | undefined {
  if (id === '') return undefined;
  const cursor = parseCursor(id);
  if (cursor === 'unknown' || cursor.tag === undefined) throw new Error(`not a cursor that names its log: ${id}`);
  if (epoch !== undefined && epoch !== last.epoch) last = { epoch, tag: tagOf(epoch) };
  if (epoch !== undefined && cursor.tag !== last.tag) throw new Error(`a cursor of another log: ${id}`);
  return cursor.globalPosition;
}

/** Data of a connection with bare positions as ids. Throws if an id does not name its log, or names another one than before. */
export function withoutTags({ bytes }: { readonly bytes: Buffer }): string {
  const tags = new Set<string>();
  const text = bytes.toString().replace(/^id: (\d+)-([0-9a-f]{12})$/gm, (_line, position, tag) => {
    tags.add(tag);
    return `id: ${position}`;
  });
  const ids = bytes.toString().match(/^id:.*$/gm)?.length ?? 0;
  const named = bytes.toString().match(/^id: \d+-[0-9a-f]{12}$/gm)?.length ?? 0;
  if (ids !== named || tags.size > 1) throw new Error(`${ids} ids, ${named} of them of one of ${tags.size} logs`);
  return text;
}
