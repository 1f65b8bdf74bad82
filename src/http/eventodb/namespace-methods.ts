import { Type } from 'typebox';
import type { Grant } from '../../access/access.ts';
import { defaultNamespaceId, type Namespaces, namespacesPage } from '../../access/namespaces.ts';
import { invalid, PokewireError } from '../../errors.ts';
import type { CategorySummary } from '../../store/log.ts';
import type { Namespace } from '../../store/namespace-store.ts';
import type { LogSummary, Store } from '../../store/store.ts';
import type { SendPages } from '../plumbing/paged-answer.ts';
import { defaultPageSize, pageQuery } from '../plumbing/parameters.ts';
import type { BeginRead } from '../plumbing/read-limit.ts';
import { objectReader, readText } from './arguments.ts';
import type { RpcContext, RpcMethods } from './method.ts';
import { sendList } from './sent-list.ts';

const text = Type.Optional(Type.String());

const readCreateOptions = objectReader(
  'options',
  Type.Object({ description: text, token: text, metadata: Type.Optional(Type.Object({})) }),
);

const readStreamsOptions = objectReader('options', Type.Object({ prefix: text, ...pageQuery }));

const categoriesRead = 1_000;

/** Dependencies of the namespace methods. */
export type NamespaceMethodParts = {
  readonly namespaces: Namespaces;
  readonly store: Store;
  readonly isTestMode: boolean;
  readonly beginRead: BeginRead;
  readonly sendPages: SendPages;
};

/** Methods for namespaces, and for the contents of the caller's own. */
export function namespaceMethods(parts: NamespaceMethodParts): RpcMethods {
  const { namespaces, store, isTestMode, beginRead, sendPages } = parts;
  const describe = ({ id, description, createdAtMs }: Namespace, summary: LogSummary) => {
    const { messages, streams, lastActivityMs } = summary;
    return {
      namespace: id,
      description,
      createdAt: rfc3339(createdAtMs),
      messageCount: messages,
      streamCount: streams,
      lastActivity: lastActivityMs === undefined ? null : rfc3339(lastActivityMs),
    };
  };

  return {
    'ns.create': {
      scope: 'admin',
      isOfServer: true,
      async run({ call, grant }) {
        requireOperator(grant);
        const id = readText('namespace', call.args[0]);
        const { description = '', token } = readCreateOptions(call.args[1]);
        const created = await namespaces.create({ id, description, token });
        const createdAt = rfc3339(created.namespace.createdAtMs);
        return JSON.stringify({ namespace: id, token: created.token, createdAt });
      },
    },

    'ns.delete': {
      scope: 'admin',
      isOfServer: true,
      async run({ call, grant }) {
        const id = readReachable({ call, grant });
        if (id === defaultNamespaceId && !isTestMode) {
          throw invalid('namespace', `cannot be ${defaultNamespaceId}: its tokens administer the server`);
        }
        const messagesDeleted = await namespaces.remove(id);
        return JSON.stringify({ namespace: id, deletedAt: rfc3339(Date.now()), messagesDeleted });
      },
    },

    'ns.list': {
      scope: 'read',
      isOfServer: true,
      async run({ grant, request, reply }) {
        const read = beginRead(request, reply);
        return sendList({ reply, read, sendPages }, async (after) => {
          const listed = grant.isOperator ? await namespaces.list(after) : [grant.namespace];
          const summaries = await namespaces.summarize(listed);
          const entries = listed.map((namespace, at) => {
            const { streamCount: _streams, lastActivity: _activity, ...entry } = describe(namespace, summaries[at]!);
            return JSON.stringify(entry);
          });
          return { entries, last: listed.length < namespacesPage ? undefined : listed.at(-1)!.id };
        });
      },
    },

    'ns.info': {
      scope: 'read',
      isOfServer: true,
      async run({ call, grant, request, reply }) {
        const id = readReachable({ call, grant });
        beginRead(request, reply);
        const namespace = await namespaces.get(id);
        const [summary] = await namespaces.summarize([namespace]);
        return JSON.stringify(describe(namespace, summary!));
      },
    },

    'ns.streams': {
      scope: 'read',
      async run({ call, grant, request, reply }) {
        const { prefix = '', cursor, limit = defaultPageSize } = readStreamsOptions(call.args[0]);
        beginRead(request, reply);
        const streams = await store.log(grant.namespace.log).listStreams(prefix, cursor || undefined, limit);
        return JSON.stringify(
          streams.map(({ stream, version, lastActivityMs }) => ({
            stream,
            version,
            lastActivity: rfc3339(lastActivityMs),
          })),
        );
      },
    },

    'ns.categories': {
      scope: 'read',
      async run({ grant, request, reply }) {
        const read = beginRead(request, reply);
        const log = store.log(grant.namespace.log);
        return sendList({ reply, read, sendPages }, async (after) => {
          const categories = await log.listCategories(after, categoriesRead);
          const last = categories.length < categoriesRead ? undefined : categories.at(-1)!.category;
          return { entries: categories.map(categoryJson), last };
        });
      },
    },
  };
}

function categoryJson({ category, streamCount, messageCount }: CategorySummary): string {
  return JSON.stringify({ category, streamCount, messageCount });
}

/** Throws `AUTH_UNAUTHORIZED` unless the caller may access every namespace. */
function requireOperator(grant: Grant): void {
  if (!grant.isOperator) throw notYours(grant);
}

/**
 * The namespace that the first argument names. Throws `AUTH_UNAUTHORIZED` unless it is the caller's own, or the caller may
 * access every namespace. The same whether it exists or not, so that the response does not reveal which ones do.
 */
export function readReachable({ call, grant }: Pick<RpcContext, 'call' | 'grant'>): string {
  const id = readText('namespace', call.args[0]);
  if (id !== grant.namespace.id && !grant.isOperator) throw notYours(grant);
  return id;
}

function notYours(grant: Grant): PokewireError {
  return new PokewireError(
    'AUTH_UNAUTHORIZED',
    `Only an admin token of ${defaultNamespaceId} may do this in other namespaces.`,
    { details: { namespace: grant.namespace.id } },
  );
}

/** A time in RPC answers: RFC 3339 in UTC with milliseconds. */
export function rfc3339(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
