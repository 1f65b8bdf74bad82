import type { LogId } from '../log-id.ts';
import type { LogOwners } from './log-owners.ts';
import type { StreamInfo } from './log-stream.ts';
import type { LogStreams } from './log-streams.ts';

/** Streams of logs without a namespace: the number deleted, and the names of those that hold messages and are kept. */
export type LeftStreams = { readonly deleted: number; readonly kept: readonly string[] };

/**
 * Deletes the streams left over from nodes that died while they created or removed a namespace. Such a stream is empty,
 * or sealed by the removal. Any other stream without a namespace is kept, because nobody requested the deletion of its
 * messages; for example, the bucket of namespaces may have been restored from an older copy. `owned` resolves to the
 * logs of all namespaces and of unfinished removals.
 */
export async function deleteLeftStreams(
  logs: LogStreams,
  owners: LogOwners,
  owned: () => Promise<ReadonlySet<LogId>>,
): Promise<LeftStreams> {
  // Must be read before the owners. Then the removal that sealed a stream is already recorded, and so is the namespace
  // of a new stream.
  const listed = await logs.all();
  const isOwned = await owned();
  let deleted = 0;
  const kept: string[] = [];
  for (const { log, info } of listed) {
    if (isOwned.has(log)) continue;
    const stream = logs.stream(log);
    const remains = isSealed(info) ? 'sealed messages' : remainsIn(await stream.look());
    const owner = await owners.of(log);
    if (remains === undefined || typeof owner === 'string') continue;
    if (remains === 'messages' || (remains === 'sealed messages' && owner === undefined)) kept.push(info.config.name);
    // If a node is creating a namespace with this stream, it retries with another stream.
    else if (owner === null || (await owners.disown(log))) {
      await stream.delete();
      deleted++;
    }
  }
  return { deleted, kept };
}

/** Content of a stream; undefined: it no longer exists, or another node is removing it. */
function remainsIn(info: StreamInfo | undefined): 'nothing' | 'messages' | undefined {
  if (info === undefined || isSealed(info)) return undefined;
  const { state, config } = info;
  return state.last_seq < Math.max(1, config.first_seq ?? 1) ? 'nothing' : 'messages';
}

function isSealed({ config }: StreamInfo): boolean {
  return config.sealed === true;
}
