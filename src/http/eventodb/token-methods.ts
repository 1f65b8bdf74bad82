import { Type } from 'typebox';
import type { Namespaces } from '../../access/namespaces.ts';
import { invalid } from '../../errors.ts';
import { scopes, type TokenRecord } from '../../store/namespace-store.ts';
import { objectReader, readText } from './arguments.ts';
import type { RpcMethods } from './method.ts';
import { readReachable, rfc3339 } from './namespace-methods.ts';

const readTokenOptions = objectReader(
  'options',
  Type.Object({
    label: Type.Optional(Type.String({ maxLength: 256 })),
    scope: Type.Optional(Type.Enum([...scopes])),
    expiresAt: Type.Optional(Type.String()),
  }),
);

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** Pokewire's own methods to rotate and revoke a namespace's tokens. Only creation returns a token's text. */
export function tokenMethods(namespaces: Namespaces): RpcMethods {
  return {
    'ns.token.create': {
      scope: 'admin',
      isOfServer: true,
      async run({ call, grant }) {
        const id = readReachable({ call, grant });
        const { label = '', scope = 'read', expiresAt } = readTokenOptions(call.args[1]);
        const expiresAtMs = expiresAt === undefined ? undefined : readFuture(expiresAt);
        const record = await namespaces.createToken(id, { label, scope, expiresAtMs });
        return JSON.stringify({ namespace: id, ...describe(record), token: record.token });
      },
    },

    'ns.token.list': {
      scope: 'admin',
      isOfServer: true,
      async run({ call, grant }) {
        const id = readReachable({ call, grant });
        const { tokens } = await namespaces.get(id);
        return JSON.stringify(tokens.map(describe));
      },
    },

    'ns.token.revoke': {
      scope: 'admin',
      isOfServer: true,
      async run({ call, grant }) {
        const id = readReachable({ call, grant });
        const tokenId = readText('tokenId', call.args[1]);
        await namespaces.revokeToken(id, tokenId);
        return JSON.stringify({ namespace: id, tokenId, revokedAt: rfc3339(Date.now()) });
      },
    },
  };
}

// Lists the members explicitly, so that the hash cannot leak.
function describe({ id, label, scope, createdAtMs, expiresAtMs }: TokenRecord) {
  const expiresAt = expiresAtMs === undefined ? null : rfc3339(expiresAtMs);
  return { tokenId: id, label, scope, createdAt: rfc3339(createdAtMs), expiresAt };
}

function readFuture(given: string): number {
  const timeMs = timePattern.test(given) ? Date.parse(given) : Number.NaN;
  if (Number.isNaN(timeMs)) throw invalid('expiresAt', 'must be a time such as 2030-01-31T12:00:00Z');
  if (timeMs <= Date.now()) throw invalid('expiresAt', `must lie in the future, got ${given}`);
  return timeMs;
}
