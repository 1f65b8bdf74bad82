import type { Selection } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { expectedOf } from './expectation.ts';
import type { Site } from './site.ts';
import type { ModelConnection } from './subscriber.ts';
import { judge } from './verdict.ts';
import type { Tenancy, World } from './world.ts';

/**
 * Lets all activity continue until everything was received, and compares. Lost connections reconnect. The wait ends
 * with one more message per connection, which must be received last; then another, before which nothing may be
 * repeated.
 */
export async function finish(world: World, site: Site): Promise<void> {
  site.mend();
  await allAnswered(world);
  for (const connection of world.open) connection.readOn();
  await endedHaveClosed(world);
  for (const subscriber of world.subscribers) {
    const { client, isCut, isOpen } = subscriber.connection;
    if (isOpen) continue;
    // The bytes it waited for may never arrive.
    if (isCut) client.cutAfter(0);
    await client.closed;
    await world.connect(site, subscriber, 'header', false);
  }
  for (let round = 0; round < 2; round++) {
    for (const connection of world.open) await appendFor(world, site, connection);
    world.check();
    await Promise.all(world.open.map((connection) => toldEverything(connection, site)));
  }
  world.check();
  for (const connection of world.open) judge(connection, true);
  for (const tenancy of world.tenancies.values()) await compareLog(site, tenancy);
  await world.close();
  await site.becomesIdle();
}

async function allAnswered(world: World): Promise<void> {
  for (const { facts } of world.connections) await facts.log.answered();
  for (const { log } of world.tenancies.values()) await log.answered();
}

/** A reader that was paused notices only now that the server ended its connection; a revoked token takes up to a second. */
async function endedHaveClosed(world: World): Promise<void> {
  const ended = world.open.filter(({ mayEnd }) => mayEnd.size > 0);
  await Promise.all(ended.map(({ client }) => client.waitFor(({ isClosed }) => isClosed, 'the end by the server')));
}

/** Appends a message that this connection must receive. */
async function appendFor(world: World, site: Site, { facts }: ModelConnection): Promise<void> {
  const tenancy = world.tenancies.get(facts.log.namespace)!;
  const { log } = tenancy;
  // Beyond a requested position that is ahead of the log.
  const missing = facts.start.after - log.head;
  if (missing > 0) world.append(site, tenancy, 'filler-0', messages(missing));
  await log.answered();
  const stream = streamFor(facts.wish.selection);
  world.append(site, tenancy, stream, messages(Math.max(1, facts.start.fromPosition - log.version(stream))));
  await log.answered();
}

function messages(count: number): unknown[] {
  return new Array(count).fill({ type: 'Last', data: {} });
}

/** Resolves when the connection received its log's last message and, with heads, confirmation that it is the last. */
async function toldEverything(connection: ModelConnection, site: Site): Promise<void> {
  const { client, facts } = connection;
  const last = expectedOf(facts, undefined).at(-1)!.entry.globalPosition;
  const came = client.waitFor(({ pokes }) => (pokes.at(-1)?.globalPosition ?? 0) >= last, `${facts.asked}: ${last}`);
  await came.catch((error: unknown) => {
    // Usually an earlier event was wrong, which is more informative.
    judge(connection, false);
    throw error;
  });
  if (!facts.wish.heads || site.settings.heartbeatMs === 0) return;
  const isLastHead = ({ events }: typeof client) => {
    const { type, data } = events.at(-1)!;
    return type === 'heartbeat' && JSON.parse(data).head >= last;
  };
  await client.waitFor(isLastHead, `${facts.asked}: a heartbeat with head ${last}`);
}

/** A stream included in the selection. */
export function streamFor({ streams, categories, group }: Selection): string {
  if (streams[0] !== undefined) return streams[0];
  const category = categories[0] ?? 'last';
  for (let number = 0; ; number++) {
    const name = `${category}-${number}`;
    if (group === null || new StreamName(name).ownedBy(group)) return name;
  }
}

/** The log exported by the server must match its answers. */
async function compareLog(site: Site, { id, token, log }: Tenancy): Promise<void> {
  const { text } = await site.request(token, '/export');
  const records = text.split('\n').slice(0, -1);
  const exported = records
    .map((line) => JSON.parse(line))
    // An empty export has only an end line.
    .filter(({ id }) => id !== undefined)
    .map(({ stream, pos, gpos }) => `${stream}/${pos}@${gpos}`);
  const known = log.entries.map(
    ({ stream, position, globalPosition }) => `${stream.text}/${position}@${globalPosition}`,
  );
  const differing = exported.findIndex((place, at) => place !== known[at]);
  if (differing === -1 && exported.length === known.length) return;
  throw new Error(
    `the log of ${id} has ${exported.length} messages, the answers told of ${known.length}; ` +
      `the first that differs is ${exported[differing]}, told as ${known[differing]}`,
  );
}
