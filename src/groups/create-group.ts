import { randomBytes } from 'node:crypto';
import { PokewireError } from '../errors.ts';
import type { Namespace } from '../store/namespace-store.ts';
import type { ConsumerGroups } from './consumer-groups.ts';
import { type Group, type GroupOptions, newGroup } from './group.ts';
import { selectionOf } from './group-lag.ts';
import { generationKey, groupKey, groupPrefix } from './record-keys.ts';

/** Maximum number of groups in a namespace. */
export const maxGroups = 1_000;

const defaultSize = 8;

/** The requested settings of a group. Absent ones are not compared with those of an existing group. */
type GroupRequest = Partial<GroupOptions> & {
  readonly category: string;
  readonly size?: number | undefined;
  readonly start?: 'first' | 'last' | number | undefined;
};

/** Creates the group unless it exists. Throws `GROUP_EXISTS` if the existing one has another category or size. */
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
    groups.lags.add(namespace, name);
    groups.log.info({ namespace: namespace.id, group: name, audit: 'group-created' }, 'a consumer group was created');
    return { group, isNew: true };
  }
}

/** The initial checkpoint, after messages deleted by retention. A number is the first requested position. */
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

/** Sinks may have stored generations of a deleted group, so a new group continues above them. */
async function lastGeneration(groups: ConsumerGroups, namespace: Namespace): Promise<number> {
  const [record] = await groups.node.options.store.read([generationKey(namespace.uid)]);
  return record === undefined ? 0 : (JSON.parse(record.text) as number);
}

function refuseOther({ category, size }: Group, group: string, request: GroupRequest): void {
  if (category === request.category && (request.size ?? size) === size) return;
  throw new PokewireError(
    'GROUP_EXISTS',
    `The consumer group ${group} has category ${category} and size ${size}. Resize it, or choose another name.`,
    { details: { group, category, size, asked: { category: request.category, size: request.size ?? null } } },
  );
}

export function groupBusy(group: string): PokewireError {
  return new PokewireError('GROUP_BUSY', `The consumer group ${group} is being changed. Retry later.`, {
    details: { group },
  });
}
