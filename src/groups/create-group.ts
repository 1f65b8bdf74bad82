import { randomBytes } from 'node:crypto';
import { PokewireError } from '../errors.ts';
import type { Namespace } from '../store/namespace-store.ts';
import type { ConsumerGroups } from './consumer-groups.ts';
import { selectionOf } from './describe-group.ts';
import { type Group, type GroupOptions, newGroup } from './group.ts';
import { generationKey, groupKey, groupPrefix } from './record-keys.ts';

/** Groups of a namespace at most. */
export const maxGroups = 1_000;

const defaultSize = 8;

/** What a group is asked for with; what is absent is not compared with a group that exists. */
type GroupRequest = Partial<GroupOptions> & {
  readonly category: string;
  readonly size?: number | undefined;
  readonly start?: 'first' | 'last' | number | undefined;
};

/** The group, which is created unless it is there. Throws `GROUP_EXISTS` when it is another one than was asked for. */
export async function createGroup(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
  request: GroupRequest,
): Promise<{ readonly group: Group; readonly isNew: boolean }> {
  const key = groupKey(namespace.uid, name);
  for (;;) {
    const found = await groups.node.groups.read(key);
    if (found?.state === 'deleted') throw groupBusy(name);
    if (found !== undefined) {
      refuseOther(found, name, request);
      return { group: found, isNew: false };
    }
    const existing = await groups.node.options.store.list(groupPrefix(namespace.uid), undefined, maxGroups);
    if (existing.length >= maxGroups) {
      throw new PokewireError('TOO_MANY_GROUPS', `A namespace has at most ${maxGroups} groups. Delete one first.`, {
        details: { maxGroups },
      });
    }
    const group = newGroup(randomBytes(9).toString('base64url'), {
      category: request.category,
      options: {
        onPoison: request.onPoison ?? 'hold',
        onNewLog: request.onNewLog ?? 'stop',
        maxAttempts: request.maxAttempts ?? 5,
      },
      epoch: namespace.log,
      size: request.size ?? defaultSize,
      generation: await lastGeneration(groups, namespace),
      position: await positionOf(groups, namespace, request.category, request.start ?? 'first'),
    });
    if (!(await groups.node.groups.create(key, group))) continue;
    groups.node.look(groups.nameOf(namespace, name), group);
    groups.log.info({ namespace: namespace.id, group: name, audit: 'group-created' }, 'a consumer group was created');
    return { group, isNew: true };
  }
}

/** A checkpoint to begin at, behind what retention has taken of the category. A number is the first position that is wanted. */
export async function positionOf(
  groups: ConsumerGroups,
  namespace: Namespace,
  category: string,
  start: 'first' | 'last' | number,
): Promise<number> {
  const { head, forgottenUpTo } = await groups.logOf(namespace).bounds(selectionOf({ category }));
  if (start === 'first') return forgottenUpTo;
  return start === 'last' ? head : Math.min(Math.max(start - 1, forgottenUpTo), head);
}

/** Generations of a group that was deleted may be in sinks; those of a later one go on behind them. */
async function lastGeneration(groups: ConsumerGroups, namespace: Namespace): Promise<number> {
  const [record] = await groups.node.options.store.read([generationKey(namespace.uid)]);
  return record === undefined ? 0 : (JSON.parse(record.text) as number);
}

function refuseOther({ category, size }: Group, group: string, request: GroupRequest): void {
  if (category === request.category && (request.size ?? size) === size) return;
  throw new PokewireError(
    'GROUP_EXISTS',
    `The consumer group ${group} is of category ${category} and has size ${size}. Resize it, or take another name.`,
    { details: { group, category, size, asked: { category: request.category, size: request.size ?? null } } },
  );
}

export function groupBusy(group: string): PokewireError {
  return new PokewireError('GROUP_BUSY', `The consumer group ${group} is being changed. Come again later.`, {
    details: { group },
  });
}
