import type { Log } from '../store/log.ts';
import { selectionOf } from './group-lag.ts';
import type { GroupNode } from './group-node.ts';
import type { WatchedGroup } from './group-state.ts';
import { partitionKey } from './record-keys.ts';

/** A partition whose checkpoint retention has passed. `lost`: global positions, both inclusive. */
type ForgottenPart = {
  readonly partition: number;
  readonly lost: { readonly from: number; readonly to: number };
};

/**
 * Moves the checkpoints of partitions that members here own behind what retention has taken of their category, and tells those members.
 * `upTo`: what was taken of the whole log; unless that has moved, nothing is read. Resolves to the partitions that were moved.
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
  const { name, group, sessions } = watched;
  const passed: ForgottenPart[] = [];
  for (const session of [...sessions.values()]) {
    for (const told of [...session.told.values()]) {
      const { layout, partition, generation } = told;
      const key = partitionKey(name.uid, group.id, layout, partition);
      if ((node.partitions.known(key)?.checkpoint ?? 0) < to) await node.partitions.skipForgotten(key, to);
      // By the record, not by whose change it was: the answer to that may have been lost.
      const lost = node.partitions.known(key)?.forgotten;
      if (lost === undefined || lost.to <= told.forgottenUpTo) continue;
      told.forgottenUpTo = lost.to;
      passed.push({ partition, lost });
      session.send({ event: 'forgotten', data: { partition, generation, lost } });
    }
  }
  return passed;
}
