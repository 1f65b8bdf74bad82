import type { LogId } from '../log-id.ts';
import type { LogOwners } from './log-owners.ts';
import type { StreamInfo } from './log-stream.ts';
import type { LogStreams } from './log-streams.ts';

/** Streams of logs without a namespace: how many were deleted, and the names of those that hold messages and are kept. */
export type LeftStreams = { readonly deleted: number; readonly kept: readonly string[] };

/**
 * Deletes the streams that nodes left when they died while they created or removed a namespace: such a stream is empty, or sealed by
 * the removal. Any other stream without a namespace is kept, as nobody asked to delete its messages: after the bucket of namespaces
 * was restored from an older copy, for example. `owned` resolves to the logs of all namespaces, and of unfinished removals.
 */
export async function deleteLeftStreams(
  logs: LogStreams,
  owners: LogOwners,
  owned: () => Promise<ReadonlySet<LogId>>,
): Promise<LeftStreams> {
  // Before the owners: the removal that sealed a stream is in the records then, and a namespace of a new stream is found.
  const listed = await logs.all();
  const isOwned = await owned();
  let deleted = 0;
  const kept: string[] = [];
  for (const info of listed) {
    const log = logs.logOf(info);
    if (log === undefined || isOwned.has(log)) continue;
    const stream = logs.stream(log);
    const remains = isSealed(info) ? 'sealed messages' : remainsIn(await stream.look());
    const owner = await owners.of(log);
    if (remains === undefined || typeof owner === 'string') continue;
    if (remains === 'messages' || (remains === 'sealed messages' && owner === undefined)) kept.push(info.config.name);
    // A node that is creating a namespace with the stream takes another one.
    else if (owner === null || (await owners.disown(log))) {
      await stream.delete();
      deleted++;
    }
  }
  return { deleted, kept };
}

/** What a stream has; undefined: it is gone, or another node is removing it. */
function remainsIn(info: StreamInfo | undefined): 'nothing' | 'messages' | undefined {
  if (info === undefined || isSealed(info)) return undefined;
  const { state, config } = info;
  return state.last_seq < Math.max(1, config.first_seq ?? 1) ? 'nothing' : 'messages';
}

function isSealed({ config }: StreamInfo): boolean {
  return config.sealed === true;
}
