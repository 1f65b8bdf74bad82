import createClient from 'openapi-fetch';
// Generated from the description by the test, so it is checked there rather than with the other code.
import type { paths } from 'pokewire-description';
import { exampleRecord } from '../../../src/message/import-record.ts';

/** Creates the client as its users do; the test examines the answers of `fetch`. */
export function makeClient(baseUrl: string, token: string | undefined, fetch: (request: Request) => Promise<Response>) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return createClient<paths>({ baseUrl, headers, fetch });
}

type Client = ReturnType<typeof makeClient>;

const path = { stream: 'account-123' };
const group = { group: 'billing' };
const session = 'k3J7c0b6RZq1xw2A';
const message = { type: 'Deposited', data: { amount: 100 }, metadata: { correlationStreamName: 'transfer-1' } };

/**
 * How a generated client calls each operation, by id. In this order, because the first ones write data that others
 * read.
 */
export const calls: Readonly<Record<string, (client: Client) => Promise<unknown>>> = {
  appendMessages: (client) => client.POST('/streams/{stream}/messages', { params: { path }, body: [message, message] }),
  importLog: (client) =>
    client.POST('/import', {
      params: { query: { force: 'false' } },
      body: exampleRecord.replaceAll('account-123', 'imported-1'),
      bodySerializer: (body) => body,
      headers: { 'content-type': 'application/x-ndjson' },
      parseAs: 'text',
    }),
  exportLog: (client) => client.GET('/export', { params: { query: { category: 'account' } }, parseAs: 'text' }),
  makeBackup: (client) => client.POST('/backup', { parseAs: 'text' }),
  readStream: (client) =>
    client.GET('/streams/{stream}/messages', { params: { path, query: { position: 0, batchSize: 10 } } }),
  listStreams: (client) => client.GET('/streams', { params: { query: { prefix: 'account', limit: 1 } } }),
  describeStream: (client) => client.GET('/streams/{stream}', { params: { path } }),
  readLastMessage: (client) =>
    client.GET('/streams/{stream}/messages/last', { params: { path, query: { type: 'Deposited' } } }),
  listCategories: (client) => client.GET('/categories', { params: { query: { limit: 1 } } }),
  readCategory: (client) =>
    client.GET('/categories/{category}/messages', {
      params: { path: { category: 'account' }, query: { consumer: 0, size: 1, correlation: 'transfer' } },
    }),
  setRetention: (client) =>
    client.PUT('/retention', { params: { query: { dryRun: 'true' } }, body: { maxMessages: 1_000_000 } }),
  setCategoryRetention: (client) =>
    client.PUT('/categories/{category}/retention', {
      params: { path: { category: 'account' } },
      body: { maxAgeMs: 604_800_000 },
    }),
  listRetention: (client) => client.GET('/retention', {}),
  deleteRetention: (client) => client.DELETE('/retention', {}),
  deleteCategoryRetention: (client) =>
    client.DELETE('/categories/{category}/retention', { params: { path: { category: 'account' } } }),
  subscribe: (client) =>
    client.GET('/subscribe', { params: { query: { category: ['account'], hello: 'true' } }, parseAs: 'stream' }),
  issueTicket: (client) => client.POST('/subscribe/ticket', { body: { category: ['account'] } }),
  createGroup: (client) =>
    client.PUT('/groups/{group}', { params: { path: group }, body: { category: 'account', size: 2 } }),
  listGroups: (client) => client.GET('/groups', {}),
  getGroup: (client) => client.GET('/groups/{group}', { params: { path: group } }),
  beatGroups: (client) => client.POST('/groups/beat', { body: { beats: [{ session, beat: 1 }] } }),
  beatGroup: (client) => client.POST('/groups/{group}/beat', { params: { path: group }, body: { session, beat: 1 } }),
  ackGroup: (client) => client.POST('/groups/{group}/ack', { params: { path: group }, body: { session, acks: [] } }),
  releaseGroup: (client) =>
    client.POST('/groups/{group}/release', { params: { path: group }, body: { session, releases: [] } }),
  leaveGroup: (client) => client.POST('/groups/{group}/leave', { params: { path: group }, body: { session } }),
  waitForGroup: (client) =>
    client.GET('/groups/{group}/wait', { params: { path: group, query: { position: 1, timeoutMs: 0 } } }),
  planResize: (client) => client.POST('/groups/{group}/plan', { params: { path: group, query: { size: 4 } } }),
  listHeldStreams: (client) => client.GET('/groups/{group}/parked', { params: { path: group } }),
  replayParked: (client) =>
    client.POST('/groups/{group}/parked/replay', { params: { path: group }, body: { all: true, reason: 'mended' } }),
  skipParked: (client) =>
    client.POST('/groups/{group}/parked/skip', { params: { path: group }, body: { all: true, reason: 'broken' } }),
  evictMember: (client) =>
    client.POST('/groups/{group}/evict', { params: { path: group }, body: { member: 'worker-1' } }),
  stopGroup: (client) => client.POST('/groups/{group}/stop', { params: { path: group } }),
  startGroup: (client) => client.POST('/groups/{group}/start', { params: { path: group } }),
  resizeGroup: (client) => client.POST('/groups/{group}/resize', { params: { path: group }, body: { size: 2 } }),
  holdStream: async (client) => {
    // The first generation of a partition is 1.
    const query = { category: ['account'], group: 'held', member: 'worker-1', size: 1 };
    await client.GET('/subscribe', { params: { query }, parseAs: 'stream' });
    return client.POST('/groups/{group}/hold', {
      params: { path: { group: 'held' } },
      body: { session, partition: 0, layout: 0, generation: 1, stream: 'account-123', position: 0, error: 'late' },
    });
  },
  settleStream: (client) =>
    client.POST('/groups/{group}/settle', {
      params: { path: { group: 'held' } },
      body: { session, partition: 0, layout: 0, generation: 1, stream: 'account-123', position: 0 },
    }),
  resetGroup: (client) =>
    client.POST('/groups/{group}/reset', { params: { path: group }, body: { position: 'first', reason: 'again' } }),
  deleteGroup: (client) => client.DELETE('/groups/{group}', { params: { path: group } }),
  eraseMessage: (client) =>
    client.DELETE('/streams/{stream}/messages/{position}', { params: { path: { ...path, position: '0' } } }),
  eraseStream: (client) => client.DELETE('/streams/{stream}', { params: { path: { stream: 'imported-1' } } }),
  callMethod: (client) => client.POST('/rpc', { body: ['stream.get', 'account-123', { batchSize: 10 }] }),
  beginSession: (client) => client.POST('/session', {}),
  endSession: (client) => client.DELETE('/session', {}),
  checkHealth: (client) => client.GET('/health', {}),
  checkReadiness: (client) => client.GET('/ready', {}),
  readVersion: (client) => client.GET('/version', {}),
  readMetrics: (client) => client.GET('/metrics', { parseAs: 'text' }),
  describeApi: (client) => client.GET('/openapi.json', {}),
  describeConnection: (client) => client.GET('/diagnose/connection', {}),
  readTestStream: (client) =>
    client.GET('/diagnose/stream', { params: { query: { events: 1, everyMs: 10, silentMs: 0 } }, parseAs: 'text' }),
};

/** Subscribes with a ticket instead of a token. It is a security scheme, so users add it themselves. */
export async function subscribeByTicket(client: Client, withoutToken: Client): Promise<Response> {
  const { data } = await client.POST('/subscribe/ticket', { body: { category: ['account'] } });
  withoutToken.use({
    onRequest({ request }) {
      const url = new URL(request.url);
      url.searchParams.set('ticket', data!.ticket);
      return new Request(url, request);
    },
  });
  const { response } = await withoutToken.GET('/subscribe', {
    params: { query: { category: ['account'] } },
    parseAs: 'stream',
  });
  return response;
}
