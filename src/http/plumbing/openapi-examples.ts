const at = { stream: 'account-123', position: 5, globalPosition: 1234 };
const time = '2026-11-27T09:14:05.312Z';
const epoch = '7f9c2ba4-e88f-427d-a616-5e5f5d8c9e1b';
const generation = { partition: 3, layout: 0, generation: 42 };
const begun = { begun: true };

const message = {
  id: '019ac0a2-6f5d-7c3e-8b1a-4f0d2c9e7a61',
  stream: at.stream,
  type: 'Deposited',
  position: at.position,
  globalPosition: at.globalPosition,
  data: { amount: 100 },
  metadata: { correlationStreamName: 'transfer-7' },
  time,
};

const described = { stream: at.stream, version: 5, messageCount: 6, lastActivity: time };

const rule = {
  category: null,
  maxAgeMs: 604_800_000,
  maxMessages: 1_000_000,
  maxBytes: null,
  isDefault: false,
  holds: { messages: 1234, bytes: 187_392, oldest: '2026-11-21T06:13:26.512Z' },
  takes: { messages: 0, bytes: 0, isWhole: true },
};

const categoryRule = { ...rule, category: 'account', holds: { ...rule.holds, messages: 318, bytes: 48_336 } };

const group = { group: 'billing', category: 'account', size: 8, layout: 0 };
const lag = { messages: 2, exact: true, seconds: 0.4 };

const metrics = `# HELP pokewire_messages_appended_total Messages appended
# TYPE pokewire_messages_appended_total counter
pokewire_messages_appended_total 1234
`;

/** Example answers by operation id, where the schema has none. */
export const answerExamples: Readonly<Record<string, unknown>> = {
  appendMessages: { ...at, count: 1 },
  listStreams: { streams: [described], cursor: 'account-123' },
  describeStream: described,
  readStream: [message],
  readLastMessage: message,
  eraseStream: { erased: 6 },

  listRetention: { rules: [rule, categoryRule] },
  setRetention: rule,
  setCategoryRetention: categoryRule,

  listCategories: { categories: [{ category: 'account', streamCount: 57, messageCount: 318 }], cursor: null },
  readCategory: [message],

  issueTicket: { ticket: 'R2mX0b7Yq1ZK3s9cVtLw5A', expiresAt: '2026-11-27T09:14:35.312Z' },

  listGroups: { groups: [{ ...group, members: 2, isStopped: false }] },
  getGroup: {
    ...group,
    state: 'stable',
    epoch,
    head: 1234,
    unownedStreams: 0,
    members: [
      {
        member: 'worker-1',
        node: 'k3J7c0b6',
        partitions: [3],
        attached: true,
        leaseMs: 11_200,
        address: '192.0.2.7',
      },
    ],
    partitions: [
      {
        partition: 3,
        member: 'worker-1',
        generation: 42,
        checkpoint: 1230,
        lag,
        held: 0,
        secondsLeft: null,
        lastAck: time,
        revoking: false,
      },
    ],
    lag,
  },
  waitForGroup: { reached: true, checkpoint: 1234, held: 0 },
  listHeldStreams: {
    held: [{ partition: 3, stream: 'account-28', position: 7, attempts: 10, retryAt: null, error: 'timeout' }],
    more: false,
  },
  createGroup: { category: 'account', size: 8 },
  planResize: {
    size: 16,
    streams: 57,
    exact: true,
    moved: 28,
    perPartition: [{ member: 'worker-1', streams: 4, messagesPerDay: 120.5 }],
    largest: { stream: 'account-123', share: 0.31 },
    predecessors: 1,
  },
  resizeGroup: begun,
  resetGroup: begun,
  evictMember: begun,
  stopGroup: begun,
  startGroup: begun,
  replayParked: { streams: ['account-28'] },
  skipParked: { streams: ['account-28'] },
  ackGroup: { acked: [{ ...generation, position: 1234 }], fenced: [] },
  releaseGroup: { released: [generation] },
  holdStream: { held: true },
  settleStream: { held: true, position: 8 },

  // A row of EventoDB's stream.get.
  callMethod: [[message.id, message.type, at.position, at.globalPosition, message.data, message.metadata, time]],

  describeConnection: {
    httpVersion: '1.1',
    host: 'localhost:8080',
    scheme: 'http',
    address: '127.0.0.1',
    addressIsForwarded: false,
    proxyHeaders: [],
    heartbeatMs: 4_000,
  },
  describeApi: { openapi: '3.1.0', info: { title: 'Pokewire', version: '0.1.0' }, paths: {} },
  checkHealth: { status: 'ok' },
  checkReadiness: { status: 'ok', store: 'ok' },
  readVersion: { version: '0.1.0' },
  readMetrics: metrics,
};

/** Example of an error response; each code has its own sentence and details. */
export const refusalExample = {
  error: {
    code: 'STREAM_VERSION_CONFLICT',
    message: 'Stream account-123 is at version 5, not at the expected 3. Read the new messages and decide again.',
    details: { expected: 3, actual: 5 },
  },
};
