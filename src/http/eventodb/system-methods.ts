import type { RpcMethods } from './method.ts';

/** What the methods `sys.*` tell. */
export type SystemFacts = {
  readonly version: string;
  /** Kind of the store. */
  readonly backend: string;
  /** Open subscriptions. */
  readonly connections: () => number;
  /** Resolves when requests can be served; rejects with why not. */
  readonly checkReady: () => Promise<void>;
};

/** Methods that tell about the server. */
export function systemMethods({ version, backend, connections, checkReady }: SystemFacts): RpcMethods {
  return {
    'sys.version': { scope: 'read', run: async () => JSON.stringify(version) },

    'sys.health': {
      scope: 'read',
      async run() {
        await checkReady();
        return JSON.stringify({ status: 'ok', backend, connections: connections() });
      },
    },
  };
}
