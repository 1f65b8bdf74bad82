import { setTimeout as delay } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { Message, NewMessage } from '../../src/message/message.ts';
import type { AppendOutcome, Log } from '../../src/store/log.ts';
import type { LogId } from '../../src/store/log-id.ts';
import { NatsStore } from '../../src/store/nats/nats-store.ts';
import type { StoreOptions } from '../../src/store/open-store.ts';
import { newNamespace } from '../contract/opened-store.ts';
import { ReferenceFollower } from '../contract/reference-follower.ts';
import { noLimits } from '../contract/suite.ts';
import { placesOf, WholeLog } from '../contract/whole-log.ts';
import { createNamespace } from '../support/create-namespace.ts';
import { newMessage, pokePool, uuid } from '../support/fake-messages.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsCluster } from './nats-cluster.ts';

const writers = 64;
const awayMs = 6_000;
const frozenMs = 8_000;
const streams = ['hot-1', 'hot-2', 'warm-1', 'warm-2', 'warm-3', 'warm-4', 'cold-1', 'cold-2'];

/** One append: its messages, and its final outcome. */
type Written = { readonly stream: string; readonly messages: readonly NewMessage[]; readonly outcome: AppendOutcome };

/** Three nodes over one log, each connected to a different server of the cluster. */
async function openNodes(cluster: NatsCluster, prefix: string) {
  const options: StoreOptions = { pokes: pokePool(), ...noLimits };
  const urls = cluster.servers.map(({ host }, index) => {
    const others = cluster.servers.filter((_server, other) => other !== index).map((server) => server.host);
    return `nats://${[host, ...others].join(',')}/${prefix}`;
  });
  const stores: NatsStore[] = [];
  for (const url of urls) stores.push(await NatsStore.open(url, options));
  const { log } = await createNamespace(stores[0]!.namespaces, newNamespace('default'));
  const close = async () => void (await Promise.all(stores.map((store) => store.close())));
  return { stores, log, [Symbol.asyncDispose]: close };
}

/** Appends repeatedly, and retries each append with the same ids at any node until it is answered. */
async function write(logs: readonly Log[], writer: number, isOver: () => boolean, written: Written[]): Promise<void> {
  for (let count = 0; !isOver(); count++) {
    const stream = streams[(writer + count) % streams.length]!;
    const size = count % 4 === 3 ? 3 : 1;
    const messages = Array.from({ length: size }, (_value, index) =>
      newMessage({ id: uuid(writer * 1_000_000 + count * 10 + index), data: `{"writer":${writer}}` }),
    );
    for (let tries = 0; ; tries++) {
      try {
        const log = logs[(writer + tries) % logs.length]!;
        written.push({ stream, messages, outcome: await log.append(stream, messages, undefined) });
        break;
      } catch (error) {
        expect(error).toMatchObject({ code: 'BACKEND_ERROR' });
        await delay(50);
      }
    }
  }
}

/** Every append must be in the log exactly once, contiguous, at the reported position, and nothing else may be there. */
function expectWritten(written: readonly Written[], messages: readonly Message[]): void {
  const byId = new Map(messages.map((message) => [message.id, message]));
  expect(byId.size).toBe(messages.length);
  expect(messages.length).toBe(written.reduce((sum, append) => sum + append.messages.length, 0));
  for (const { stream, messages: appended, outcome } of written) {
    const last = byId.get(appended.at(-1)!.id)!;
    const { position, globalPosition } = last;
    expect(outcome).toEqual({ outcome: expect.stringMatching(/^(appended|known)$/), position, globalPosition });
    const places = appended.map(({ id }) => byId.get(id)!);
    expect(places.map((place) => [place.stream, place.position, place.globalPosition])).toEqual(
      appended.map((_message, index) => {
        const before = appended.length - 1 - index;
        return [stream, position - before, globalPosition - before];
      }),
    );
  }
  for (const stream of streams) {
    const positions = messages.filter((message) => message.stream === stream).map(({ position }) => position);
    expect(positions).toEqual(positions.map((_position, index) => index));
  }
}

/** Runs 64 writers on three nodes during a disturbance; each node must announce every message once and in order. */
async function runWriters(
  cluster: NatsCluster,
  prefix: string,
  meanwhile: (log: LogId, untilWritten: (more: number) => Promise<void>) => Promise<void>,
): Promise<void> {
  await using nodes = await openNodes(cluster, prefix);
  const logs = nodes.stores.map((store) => store.log(nodes.log));
  const followers = logs.map((log) => new ReferenceFollower(log));
  const written: Written[] = [];
  let isOver = false;
  const writing = Array.from({ length: writers }, (_value, writer) => write(logs, writer, () => isOver, written));
  const untilWritten = async (more: number) => {
    const goal = written.length + more;
    await expect.poll(() => written.length, { timeout: 60_000 }).toBeGreaterThanOrEqual(goal);
  };
  await meanwhile(nodes.log, untilWritten);
  isOver = true;
  await Promise.all(writing);
  const messages = await inTheEnd(() => new WholeLog(logs[0]!).messages());
  expectWritten(written, messages);
  for (const follower of followers) {
    const told = await inTheEnd(() => follower.finish());
    expect(told).toEqual(placesOf(messages));
  }
}

/** Repeats a read, as a node does: a cluster that elects leaders after a disturbance may refuse some reads. */
async function inTheEnd<T>(read: () => Promise<T>): Promise<T> {
  return vi.waitFor(read, { timeout: 60_000, interval: 100 });
}

describeWithNats('64 writers on three nodes over three servers', () => {
  test('have every append stored and delivered once, in order, by every node.', async () => {
    await using cluster = await NatsCluster.start({ size: 3 });
    await runWriters(cluster, 'calm', (_log, untilWritten) => untilWritten(3_000));
  });

  test('have every append stored and delivered once when the leader is killed and restarted.', async () => {
    await using cluster = await NatsCluster.start({ size: 3 });
    await runWriters(cluster, 'killed', async (log, untilWritten) => {
      await untilWritten(500);
      const leader = await cluster.leaderOf(`killed-${log}`);
      await leader.stop('SIGKILL');
      await Promise.all([delay(awayMs), untilWritten(500)]);
      await leader.run();
      await untilWritten(500);
    });
  });

  test('have every append stored and delivered once when the leader is frozen for a while.', async () => {
    await using cluster = await NatsCluster.start({ size: 3 });
    await runWriters(cluster, 'frozen', async (log, untilWritten) => {
      await untilWritten(500);
      const resume = (await cluster.leaderOf(`frozen-${log}`)).freeze();
      await Promise.all([delay(frozenMs), untilWritten(500)]);
      resume();
      await untilWritten(500);
    });
  });
});
