import type { FakeGroupServer, GroupConnection } from './fake-group-server.ts';

/** Checks one rule against a worker, by scripting the server. `stop` asks the worker to leave. */
export type Scenario = (server: FakeGroupServer, stop: () => void) => Promise<void>;

const session = 's-1';
const epoch = 'e-1';
/** The times of the real server. None ends within a scenario, however slow the machine is. */
const usual = { leaseMs: 15_000, beatMs: 3_000 };
/**
 * Only for scenarios that wait until a lease has expired: a slow worker may miss such a lease at any time, and soon
 * considers a silent connection lost.
 */
const short = { leaseMs: 1_500, beatMs: 250 };

function join(server: FakeGroupServer, connection: GroupConnection, over: object = {}): void {
  const { head } = server;
  const attempt = Number(connection.query.get('attempt') ?? 1);
  const names = { group: connection.query.get('group'), member: connection.query.get('member') };
  connection.send('joined', { ...names, session, attempt, epoch, layout: 0, size: 2, ...usual, head, ...over });
}

function assign(connection: GroupConnection, generation: number, over: object = {}): void {
  const given = { partition: 0, layout: 0, size: 2, generation, position: 0, floors: [], held: [] };
  connection.send('assigned', { ...given, ...over });
}

const revoke = (connection: GroupConnection, generation: number) =>
  connection.send('revoke', { partition: 0, layout: 0, generation, withinMs: 30_000 });

function lease(server: FakeGroupServer, connection: GroupConnection, beat: number, over: object = {}): void {
  connection.send('lease', { beat, leaseMs: usual.leaseMs, except: [], head: server.head, ...over });
}

/** Appends a message and sends its poke. */
function poke(server: FakeGroupServer, connection: GroupConnection, generation: number, stream: string): void {
  server.append(stream);
  const { position } = server.log.at(-1)!;
  connection.send('poke', { partition: 0, generation, stream, position, globalPosition: server.head });
}

/** Answers all beats from now on. */
function keepLeased(server: FakeGroupServer, connection: GroupConnection, over: object = {}): void {
  server.onBeat = (beat) => lease(server, connection, beat, over);
}

/** Waits until every short lease sent so far has expired, on any clock. */
const passed = (server: FakeGroupServer) => server.never('nothing', () => false, short.leaseMs * 1.2);

const hasRead = (server: FakeGroupServer) =>
  server.until('read to the head', () => server.readUpTo.at(-1) === server.head);

/** Assigns partition 0 to the worker in generation 1 and keeps it leased. */
async function owner(server: FakeGroupServer, over: object = {}, times = usual): Promise<GroupConnection> {
  const connection = await server.connection(1);
  keepLeased(server, connection, { leaseMs: times.leaseMs });
  join(server, connection, times);
  assign(connection, 1, over);
  await hasRead(server);
  return connection;
}

const startsOf = (server: FakeGroupServer) => server.starts.map(({ stream, position }) => `${stream}/${position}`);
const started = (server: FakeGroupServer, count: number) =>
  server.until(`start ${count} handlers`, () => server.starts.length >= count);

function same(what: string, found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected))
    throw new Error(`${what}: ${JSON.stringify(found)} and not ${JSON.stringify(expected)}`);
}

/** The scenarios, by the rule that a worker must follow in each. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  'handles each stream in order, and acknowledges what is settled': async (server) => {
    for (const stream of ['a-1', 'a-2', 'a-1', 'a-2', 'a-1']) server.append(stream);
    server.append('a-3', 1);
    await owner(server);
    await server.until('acknowledge up to the head', () => server.acked(0, 1) === 6);
    same(
      'Starts of a-1',
      startsOf(server).filter((start) => start.startsWith('a-1')),
      ['a-1/0', 'a-1/1', 'a-1/2'],
    );
    same('Generations', [...new Set(server.starts.map(({ generation }) => generation))], [1]);
    same('Handlers', server.starts.length, 5);
  },

  'never acknowledges past a message whose handler has not ended': async (server) => {
    const gate = Promise.withResolvers<boolean>();
    server.handle = ({ position, stream }) => (stream === 'a-1' && position === 1 ? gate.promise : true);
    for (const stream of ['a-1', 'a-1', 'a-2']) server.append(stream);
    await owner(server);
    await started(server, 3);
    await server.never('acknowledge an open message', () => server.acked(0, 1) > 1);
    gate.resolve(true);
    await server.until('acknowledge the rest', () => server.acked(0, 1) === 3);
  },

  'counts a lease from when its beat was sent': async (server) => {
    const connection = await owner(server, {}, short);
    server.onBeat = () => {};
    await server.until('beat', () => server.lastBeat >= 1);
    await passed(server);
    lease(server, connection, 1, { leaseMs: short.leaseMs });
    poke(server, connection, 1, 'a-1');
    await server.never('start a handler by an answer that came late', () => server.starts.length > 0);
    keepLeased(server, connection);
    await started(server, 1);
  },

  'starts nothing in a partition that leases except': async (server) => {
    const connection = await owner(server, {}, short);
    assign(connection, 2, { partition: 1 });
    keepLeased(server, connection, { except: [0] });
    await passed(server);
    poke(server, connection, 1, 'a-1');
    server.append('b-1', 1);
    connection.send('poke', { partition: 1, generation: 2, stream: 'b-1', position: 0, globalPosition: server.head });
    await started(server, 1);
    await server.never('start a handler of the excepted one', () => startsOf(server).includes('a-1/0'));
  },

  'reconnects with its session and a higher attempt, and goes on where it was': async (server) => {
    const connection = await owner(server);
    poke(server, connection, 1, 'a-1');
    await started(server, 1);
    connection.cut();
    const second = await server.connection(2);
    same('Session', second.query.get('session'), session);
    if (!(Number(second.query.get('attempt')) > 1)) throw new Error(`Attempt ${second.query.get('attempt')}`);
    keepLeased(server, second);
    join(server, second);
    assign(second, 1);
    poke(server, second, 1, 'a-1');
    await started(server, 2);
    same('Starts', startsOf(server), ['a-1/0', 'a-1/1']);
  },

  'lets a lease extend only what its own connection has assigned': async (server) => {
    (await owner(server, {}, { ...usual, leaseMs: short.leaseMs })).cut();
    const second = await server.connection(2);
    keepLeased(server, second);
    join(server, second, { beatMs: short.beatMs });
    await server.until('beat twice', () => server.lastBeat >= 2);
    await passed(server);
    poke(server, second, 1, 'a-1');
    await server.never('start a handler of the former connection', () => server.starts.length > 0);
    assign(second, 1);
    await started(server, 1);
  },

  'owns nothing of a former session': async (server) => {
    const first = await owner(server);
    poke(server, first, 1, 'a-1');
    await server.until('acknowledge it', () => server.acked(0, 1) === 1);
    first.cut();
    const second = await server.connection(2);
    join(server, second, { session: 's-2' });
    keepLeased(server, second);
    poke(server, second, 1, 'a-1');
    await server.never('start a handler of the former session', () => server.starts.length > 1);
    assign(second, 5, { position: 1 });
    await started(server, 2);
    same('Generation', server.starts[1]!.generation, 5);
  },

  'finishes what runs before it releases, and starts nothing more': async (server) => {
    const gate = Promise.withResolvers<boolean>();
    server.handle = () => gate.promise;
    for (const stream of ['a-1', 'a-1']) server.append(stream);
    const connection = await owner(server);
    await started(server, 1);
    revoke(connection, 1);
    await server.never('release while a handler runs', () => server.bodies('release').length > 0);
    gate.resolve(true);
    await server.until('release', () => server.bodies('release').length > 0);
    same('Released up to', server.acked(0, 1), 1);
    await server.never('start another handler', () => server.starts.length > 1);
  },

  'repeats a release until it is answered': async (server) => {
    server.answer = ({ route }) =>
      route === 'release' && server.bodies('release').length < 3 ? { status: 503, body: {} } : undefined;
    revoke(await owner(server), 1);
    await server.until('release again', () => server.bodies('release').length === 3);
  },

  'releases again what it has released, and does not start it': async (server) => {
    const connection = await owner(server);
    revoke(connection, 1);
    await server.until('release', () => server.bodies('release').length === 1);
    assign(connection, 1);
    await server.until('release again', () => server.bodies('release').length === 2);
    poke(server, connection, 1, 'a-1');
    await server.never('start a handler', () => server.starts.length > 0);
    assign(connection, 2);
    await started(server, 1);
  },

  'ignores an older generation, and begins a newer one at its position': async (server) => {
    for (const stream of ['a-1', 'a-1', 'a-1']) server.append(stream);
    const connection = await owner(server, { generation: 7, position: 2 });
    await started(server, 1);
    assign(connection, 6, { position: 0 });
    await server.never('begin the older one', () => server.starts.length > 1);
    assign(connection, 8, { position: 1 });
    await started(server, 3);
    same('Starts', startsOf(server), ['a-1/2', 'a-1/1', 'a-1/2']);
    same(
      'Generations',
      server.starts.map(({ generation }) => generation),
      [7, 8, 8],
    );
  },

  'drops a partition when its acknowledgement is fenced': async (server) => {
    server.answer = ({ route }) =>
      route === 'ack'
        ? { status: 409, body: { error: { code: 'FENCED', message: 'fenced', details: {} } } }
        : undefined;
    const connection = await owner(server);
    poke(server, connection, 1, 'a-1');
    await server.until('acknowledge', () => server.bodies('ack').length > 0);
    await server.never('nothing', () => false, 100);
    poke(server, connection, 1, 'a-1');
    await server.never('start a handler of a fenced generation', () => server.starts.length > 1);
  },

  'releases a partition that was fenced, and does not begin it again in that generation': async (server) => {
    const fenced = { status: 409, body: { error: { code: 'FENCED', message: 'fenced', details: {} } } };
    server.answer = ({ route }) => (route === 'ack' ? fenced : undefined);
    const connection = await owner(server);
    poke(server, connection, 1, 'a-1');
    await server.until('release it', () => server.bodies('release').length > 0);
    assign(connection, 1);
    await server.until('release it again', () => server.bodies('release').length > 1);
    await server.never('start a handler of a fenced generation', () => server.starts.length > 1);
    server.answer = () => undefined;
    assign(connection, 2);
    await started(server, 2);
  },

  'repeats an acknowledgement whose answer was lost': async (server) => {
    server.answer = ({ route }) => (route === 'ack' && server.bodies('ack').length < 3 ? { status: 502 } : undefined);
    poke(server, await owner(server), 1, 'a-1');
    await server.until('acknowledge again', () => server.bodies('ack').length === 3);
    same('Acknowledged', server.acked(0, 1), 1);
  },

  'acknowledges what it handled while an acknowledgement was under way': async (server) => {
    const connection = await owner(server);
    server.answer = async ({ route }) => {
      if (route === 'ack' && server.head === 1) {
        poke(server, connection, 1, 'a-2');
        await started(server, 2);
        await server.never('send a second acknowledgement meanwhile', () => server.bodies('ack').length > 1);
      }
      return undefined;
    };
    poke(server, connection, 1, 'a-1');
    await server.until('acknowledge up to the head', () => server.acked(0, 1) === 2);
  },

  'skips what a floor of a former size has settled': async (server) => {
    for (const stream of ['a-1', 'a-2', 'a-1', 'a-2']) server.append(stream);
    const connection = await server.connection(1);
    join(server, connection);
    // For size 2, member 0 owns a-1 and member 1 owns a-2, by Message DB's hash.
    assign(connection, 3, { layout: 1, size: 1, floors: [{ size: 2, partition: 0, upTo: 3 }] });
    await server.until('acknowledge up to the head', () => server.acked(0, 3) === 4);
    same('Starts', startsOf(server), ['a-2/0', 'a-2/1']);
  },

  'holds the stream of a message that cannot be handled, and goes on with others': async (server) => {
    server.handle = ({ stream }) => stream !== 'a-1';
    for (const stream of ['a-1', 'a-2', 'a-1']) server.append(stream);
    await owner(server);
    await server.until('hold the stream', () => server.bodies('hold').length > 0);
    const { stream, position, generation } = server.bodies('hold')[0]!;
    same('Held', { stream, position, generation }, { stream: 'a-1', position: 0, generation: 1 });
    await server.until('acknowledge up to the head', () => server.acked(0, 1) === 3);
    if (startsOf(server).includes('a-1/1')) throw new Error('The worker started a message behind a held one.');
  },

  'goes on with a stream that the server does not hold, because its message was settled or deleted meanwhile': async (
    server,
  ) => {
    server.handle = ({ stream, position }) => stream !== 'a-1' || position > 0;
    server.answer = ({ route }) => (route === 'hold' ? { status: 200, body: { held: false } } : undefined);
    for (const stream of ['a-1', 'a-1']) server.append(stream);
    await owner(server);
    await server.until('start the next message', () => startsOf(server).includes('a-1/1'));
    await server.until('acknowledge up to the head', () => server.acked(0, 1) === 2);
  },

  'retries a held stream in order, and handles its later messages after that': async (server) => {
    for (const stream of ['a-1', 'a-1', 'a-1']) server.append(stream);
    const connection = await owner(server, { position: 2, held: [{ stream: 'a-1', position: 0 }] });
    await server.until('acknowledge up to the head', () => server.acked(0, 1) === 3);
    const settled = () => server.bodies('settle').map(({ position }) => Number(position));
    // Stays held at its next message while there is one at or below the checkpoint.
    server.answer = ({ route, body }) =>
      route === 'settle' && Number(body.position) < 2
        ? { status: 200, body: { held: true, position: Number(body.position) + 1 } }
        : undefined;
    connection.send('retry', { partition: 0, generation: 1, stream: 'a-1', position: 0, attempt: 2 });
    await server.until('settle it', () => settled().includes(2));
    poke(server, connection, 1, 'a-1');
    await started(server, 4);
    same('Starts', startsOf(server), ['a-1/0', 'a-1/1', 'a-1/2', 'a-1/3']);
    same('Settled', settled(), [0, 1, 2]);
  },

  'handles nothing again when a retry arrives after its stream was released': async (server) => {
    for (const stream of ['a-1', 'a-1']) server.append(stream);
    const connection = await owner(server, { position: 1, held: [{ stream: 'a-1', position: 0 }] });
    server.answer = ({ route, body }) =>
      route === 'settle' && body.position === 0 ? { status: 200, body: { held: true, position: 1 } } : undefined;
    const retry = { partition: 0, generation: 1, stream: 'a-1', position: 0, attempt: 2 };
    connection.send('retry', retry);
    await server.until('settle both', () => server.bodies('settle').length === 2);
    connection.send('retry', retry);
    await server.until('settle again', () => server.bodies('settle').length === 3);
    poke(server, connection, 1, 'a-1');
    await started(server, 3);
    same('Starts', startsOf(server), ['a-1/0', 'a-1/1', 'a-1/2']);
  },

  'handles nothing that precedes a held message, if a page brings it after the retry': async (server) => {
    for (const stream of ['a-1', 'a-1']) server.append(stream);
    const gate = Promise.withResolvers<void>();
    server.beforeRead = () => gate.promise;
    const connection = await server.connection(1);
    keepLeased(server, connection);
    join(server, connection);
    assign(connection, 1, { held: [{ stream: 'a-1', position: 1 }] });
    connection.send('retry', { partition: 0, generation: 1, stream: 'a-1', position: 1, attempt: 2 });
    await server.until('settle it', () => server.bodies('settle').length === 1);
    await server.never('nothing', () => false, 100);
    gate.resolve();
    poke(server, connection, 1, 'a-1');
    await started(server, 2);
    same('Starts', startsOf(server), ['a-1/1', 'a-1/2']);
    await server.until('acknowledge all', () => server.acked(0, 1) === 3);
  },

  'acknowledges what precedes a held message, if a page brings it during the retry': async (server) => {
    for (const stream of ['a-1', 'a-1']) server.append(stream);
    const [page, handler] = [Promise.withResolvers<void>(), Promise.withResolvers<boolean>()];
    server.beforeRead = () => page.promise;
    server.handle = () => handler.promise;
    const connection = await server.connection(1);
    keepLeased(server, connection);
    join(server, connection);
    assign(connection, 1, { held: [{ stream: 'a-1', position: 1 }] });
    connection.send('retry', { partition: 0, generation: 1, stream: 'a-1', position: 1, attempt: 2 });
    await started(server, 1);
    page.resolve();
    await hasRead(server);
    handler.resolve(true);
    await server.until('acknowledge both', () => server.acked(0, 1) === 2);
    same('Starts', startsOf(server), ['a-1/1']);
  },

  'acknowledges nothing while the server decides whether a stream is still held': async (server) => {
    server.append('a-1');
    const connection = await owner(server, { position: 1, held: [{ stream: 'a-1', position: 0 }] });
    let isPassed = false;
    server.answer = async ({ route, body: { position, upTo } }) => {
      if (route !== 'settle') return undefined;
      await server.never('nothing', () => false);
      isPassed ||= server.acked(0, 1) > Number(upTo);
      // A slow worker has acknowledged the message before it settles.
      return position === 0 && upTo === 2 ? { status: 200, body: { held: true, position: 1 } } : undefined;
    };
    // The message belongs to a held stream.
    poke(server, connection, 1, 'a-1');
    await hasRead(server);
    connection.send('retry', { partition: 0, generation: 1, stream: 'a-1', position: 0, attempt: 2 });
    await server.until('acknowledge up to the head', () => server.acked(0, 1) === 2);
    same('Acknowledged past a message that waits', isPassed, false);
    await started(server, 2);
    same('Starts', startsOf(server), ['a-1/0', 'a-1/1']);
  },

  'acknowledges what it handled while the server decided whether a stream is still held': async (server) => {
    server.append('a-1');
    const connection = await owner(server, { position: 1, held: [{ stream: 'a-1', position: 0 }] });
    server.answer = async ({ route }) => {
      if (route === 'settle') {
        poke(server, connection, 1, 'a-2');
        await started(server, 2);
        await server.never('acknowledge it meanwhile', () => server.acked(0, 1) > 1);
      }
      return undefined;
    };
    connection.send('retry', { partition: 0, generation: 1, stream: 'a-1', position: 0, attempt: 2 });
    await server.until('acknowledge up to the head', () => server.acked(0, 1) === 2);
  },

  'acknowledges what arrived while it tried a held stream that it holds again': async (server) => {
    server.append('a-1');
    const connection = await owner(server, { position: 1, held: [{ stream: 'a-1', position: 0 }] });
    server.handle = async () => {
      poke(server, connection, 1, 'a-1');
      await hasRead(server);
      await server.never('acknowledge it meanwhile', () => server.acked(0, 1) > 1);
      return false;
    };
    connection.send('retry', { partition: 0, generation: 1, stream: 'a-1', position: 0, attempt: 2 });
    await server.until('acknowledge up to the head', () => server.acked(0, 1) === 2);
    same('Starts', startsOf(server), ['a-1/0']);
  },

  'decides nothing about a held stream while an acknowledgement is open': async (server) => {
    server.append('a-1');
    const connection = await owner(server, { position: 1, held: [{ stream: 'a-1', position: 0 }] });
    let isOpen = false;
    let hasSettled = false;
    server.answer = ({ route }) => {
      if (route === 'settle') hasSettled ||= isOpen;
      if (route !== 'ack' || server.acked(0, 1) < 2) return undefined;
      isOpen = server.bodies('ack').filter(({ acks }) => JSON.stringify(acks).includes('"position":2')).length < 3;
      return isOpen ? { status: 503, body: {} } : undefined;
    };
    poke(server, connection, 1, 'a-1');
    await server.until('acknowledge it', () => server.acked(0, 1) === 2);
    connection.send('retry', { partition: 0, generation: 1, stream: 'a-1', position: 0, attempt: 2 });
    await server.until('settle', () => server.bodies('settle').length > 0);
    same('Settled meanwhile', hasSettled, false);
  },

  'handles a message that arrives while the server finds that a held stream has none left': async (server) => {
    server.append('a-1');
    const connection = await owner(server, { position: 1, held: [{ stream: 'a-1', position: 1 }] });
    server.answer = ({ route }) => {
      if (route === 'settle' && server.head === 1) poke(server, connection, 1, 'a-1');
      return undefined;
    };
    // An administrator skipped the message at which the stream was held.
    connection.send('retry', { partition: 0, generation: 1, stream: 'a-1', position: 1, attempt: 1 });
    await started(server, 1);
    await server.until('acknowledge up to the head', () => server.acked(0, 1) === 2);
    same('Starts', startsOf(server), ['a-1/1']);
  },

  'leaves when asked to: finishes, acknowledges, and accepts no assignment': async (server, stop) => {
    const gate = Promise.withResolvers<boolean>();
    server.handle = () => gate.promise;
    for (const stream of ['a-1', 'a-1']) server.append(stream);
    const connection = await owner(server);
    await started(server, 1);
    stop();
    await server.never('leave while a handler runs', () => server.bodies('leave').length > 0);
    server.append('b-1', 1);
    assign(connection, 9, { partition: 1 });
    gate.resolve(true);
    await server.until('leave', () => server.bodies('leave').length > 0);
    same('Left up to', server.acked(0, 1), 1);
    same('Starts', startsOf(server), ['a-1/0']);
  },

  'retries to join while another process holds its name': async (server) => {
    server.refuse = {
      status: 409,
      headers: { 'retry-after': '1' },
      body: { error: { code: 'MEMBER_TAKEN', message: 'taken', details: {} } },
    };
    await server.never('connect', () => server.connections.length > 0, 200);
    server.refuse = undefined;
    poke(server, await owner(server), 1, 'a-1');
    await started(server, 1);
  },
};
