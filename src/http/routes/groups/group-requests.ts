import type { FastifyRequest } from 'fastify';
import { type Static, type TObject, Type } from 'typebox';
import { invalid, PokewireError } from '../../../errors.ts';
import type { Administration } from '../../../groups/administer-group.ts';
import type { ConsumerGroups } from '../../../groups/consumer-groups.ts';
import { maxGroupPartitions } from '../../../groups/group.ts';
import type { Namespace } from '../../../store/namespace-store.ts';
import { grantOf } from '../../plumbing/authenticate.ts';
import { fitBody, parseJsonBody } from '../../plumbing/json-body.ts';
import { groupText, nameText } from '../../plumbing/parameters.ts';

/** Longest name of a group or member in bytes. */
export const maxGroupNameBytes = 128;

/** Maximum number of partitions or beats in one request. */
export const maxGroupEntries = 1_000;

/** Undefined: the store does not support groups. */
export type MaybeGroups = ConsumerGroups | undefined;

export const groupParam = Type.Object({
  group: Type.String({ description: 'Name of the consumer group, percent-encoded' }),
});

export const memberText = Type.String({ ...groupText, description: 'Name of the member, the same after a restart' });
export const sessionText = Type.String({ minLength: 1, maxLength: 64, description: 'From the event `joined`' });
const count = (description: string, minimum = 0) =>
  Type.Integer({ minimum, maximum: Number.MAX_SAFE_INTEGER, description });

/** Identifies a partition in one generation, as in `assigned` events. */
export const generationMembers = {
  partition: Type.Integer({ minimum: 0, maximum: maxGroupPartitions - 1, description: 'Number of the partition' }),
  layout: count('From the event `assigned`'),
  generation: count('From the event `assigned`', 1),
};

export const positionMember = count('Everything of the partition up to this global position is settled');
export const streamText = Type.String({ ...nameText, description: 'Name of the stream' });
export const sizeMember = Type.Integer({ minimum: 1, maximum: maxGroupPartitions, description: 'Partitions' });

/** The store's groups; throws `NOT_SUPPORTED`. */
export function supported(groups: MaybeGroups): ConsumerGroups {
  if (groups !== undefined) return groups;
  throw new PokewireError('NOT_SUPPORTED', 'The store does not support consumer groups.', {
    details: { support: 'groups' },
  });
}

/** The group and namespace of a request. */
export function aboutOf(groups: MaybeGroups, request: FastifyRequest): Administration {
  const { group } = request.params as { group: string };
  return { groups: supported(groups), namespace: grantOf(request).namespace, name: readName('group', group) };
}

export function namespaceOf(request: FastifyRequest): Namespace {
  return grantOf(request).namespace;
}

/** Reads the name of a group or member; throws `INVALID_REQUEST`. */
export function readName(field: string, name: string): string {
  if (name === '') throw invalid(field, 'must not be empty');
  if (Buffer.byteLength(name) > maxGroupNameBytes) throw invalid(field, `must be at most ${maxGroupNameBytes} bytes`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(name)) throw invalid(field, 'must not contain control characters');
  if (!name.isWellFormed()) throw invalid(field, 'must be well-formed Unicode, but has a lone surrogate');
  return name;
}

/** The request's body, validated by its schema; throws `INVALID_REQUEST`. */
export async function bodyOf<T extends TObject>(request: FastifyRequest, schema: T): Promise<Static<T>> {
  const outline = { levels: 3, isEmpty: () => false, maxMembers: 12, maxElements: maxGroupEntries + 1 };
  const parsed = await parseJsonBody(request.body as Buffer | undefined, outline, 'what the route takes');
  return fitBody(schema, parsed);
}
