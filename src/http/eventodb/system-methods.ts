import type { RpcMethods } from './method.ts';

/** What the methods `sys.*` tell. */
export type SystemFacts = {
  readonly version: string;
  /** Kind of the store. */
  readonly backend: string;
  /** Open subscriptions of a namespace; undefined: of all. */
  readonly connections: (namespaceId: string | undefined) => number;
  /** Resolves when requests can be served; rejects with why not. */
  readonly checkReady: () => Promise<void>;
};

/** Methods that tell about the server. */
export function systemMethods({ version, backend, connections, checkReady }: SystemFacts): RpcMethods {
  return {
    'sys.version': { scope: 'read', isOfServer: true, run: async () => JSON.stringify(version) },

    'sys.health': {
      scope: 'read',
      isOfServer: true,
      async run({ grant }) {
        await checkReady();
        const count = connections(grant.isOperator ? undefined : grant.namespace.id);
        return JSON.stringify({ status: 'ok', backend, connections: count });
      },
    },
  };
}
