import type { Group } from './group.ts';

/**
 * Assigns the partitions of a draft evenly: shares differ by at most one, with as few moves as possible. An unowned
 * partition is assigned at once, in a new generation; an owned one moves after its owner has released it.
 */
export function assign(group: Group): void {
  const shares = sharesOf(group);
  const { partitions } = group;
  const taken = (session: string | undefined) => (session !== undefined && shares.take(session) ? session : undefined);
  const stay = partitions.map(({ holder }) => taken(holder));
  // A move in progress keeps its target; otherwise repeated calls could change it although nothing has happened.
  const next = partitions.map((partition, index) => stay[index] ?? taken(partition.next));
  for (const [index, partition] of partitions.entries()) {
    partition.next = next[index] ?? shares.takeLeast();
    const isOwned = partition.holder !== undefined && partition.holder in group.members;
    if (isOwned || !partition.isReady) continue;
    partition.holder = partition.next;
    if (partition.holder !== undefined) partition.generation = ++group.generation;
  }
}

/** Tracks how many more partitions each member may get. */
function sharesOf({ members, partitions, state }: Group) {
  const sessions = state === 'running' ? Object.keys(members).filter((session) => !members[session]!.isEvicted) : [];
  sessions.sort((one, other) => members[one]!.order - members[other]!.order);
  const loads = new Map(sessions.map((session) => [session, 0]));
  const most = Math.ceil(partitions.length / Math.max(sessions.length, 1));
  // This many members may have the larger share; the others get one partition less.
  let mostLeft = partitions.length - (most - 1) * sessions.length;
  const take = (session: string): boolean => {
    const load = loads.get(session);
    if (load === undefined || load >= most || (load === most - 1 && mostLeft === 0)) return false;
    loads.set(session, load + 1);
    if (load === most - 1) mostLeft--;
    return true;
  };
  const takeLeast = (): string | undefined => {
    let least = sessions[0];
    for (const session of sessions) if (loads.get(session)! < loads.get(least!)!) least = session;
    return least !== undefined && take(least) ? least : undefined;
  };
  return { take, takeLeast };
}
