import type { Log } from '../store/log.ts';
import { selectionOf } from './group-lag.ts';
import type { GroupNode } from './group-node.ts';
import type { WatchedGroup } from './group-state.ts';

/** A partition whose checkpoint was overtaken by retention. `lost`: inclusive range of global positions. */
type ForgottenPart = {
  readonly partition: number;
  readonly lost: { readonly from: number; readonly to: number };
};

/**
 * For partitions owned by members here, moves the checkpoint past messages of the category that retention deleted, and
 * notifies these members. `upTo`: deleted range of the whole log; reads nothing unless it has moved. Resolves to the
 * moved partitions.
 */
export async function passForgotten(
  node: GroupNode,
  watched: WatchedGroup,
  log: Log,
  upTo: number,
): Promise<ForgottenPart[]> {
  const { epoch, ofLog } = watched.forgotten;
  if (epoch !== log.id || upTo > ofLog) {
    const { forgottenUpTo } = await log.bounds(selectionOf(watched.group));
    watched.forgotten = { epoch: log.id, ofLog: upTo, ofCategory: forgottenUpTo };
  }
  const to = watched.forgotten.ofCategory;
  const { sessions } = watched;
  const passed: ForgottenPart[] = [];
  for (const session of [...sessions.values()]) {
    for (const told of [...session.told.values()]) {
      const { partition, generation, key } = told;
      if ((node.partitions.known(key)?.checkpoint ?? 0) < to) await node.partitions.skipForgotten(key, to);
      // Taken from the record rather than from the change's result, since the answer to that may have been lost.
      const lost = node.partitions.known(key)?.forgotten;
      if (lost === undefined || lost.to <= told.forgottenUpTo) continue;
      told.forgottenUpTo = lost.to;
      passed.push({ partition, lost });
      session.send({ event: 'forgotten', data: { partition, generation, lost } });
    }
  }
  return passed;
}
