import type { RpcMethods } from './method.ts';

/** Facts that the `sys.*` methods report. */
export type SystemFacts = {
  readonly version: string;
  /** Kind of the store. */
  readonly backend: string;
  /** Number of open subscriptions of a namespace; undefined: of all. */
  readonly connections: (namespaceId: string | undefined) => number;
  /** Resolves if requests can be served; rejects with the reason otherwise. */
  readonly checkReady: () => Promise<void>;
};

/** Methods that describe the server. */
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
