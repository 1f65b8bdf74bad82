import { epochOf } from '../../src/groups/group.ts';
import type { Held } from '../../src/groups/ownership.ts';
import type { OwnerOutcome } from '../../src/groups/partitions.ts';
import { groupKey } from '../../src/groups/record-keys.ts';
import { isLogGone, logGone } from '../../src/store/shared/log-gone.ts';
import type { SimLog, SimMessage } from './sim-log.ts';
import { groupName, type SimNode } from './sim-node.ts';
import type { World } from './world.ts';

/** A status and its JSON. */
export type Answer = { readonly status: number; readonly body?: object };

type AckBody = { readonly acks: readonly (Held & { readonly position: number })[] };
type StreamBody = Held & { readonly stream: string; readonly position: number };

/** Does the same as the routes of a node for the requests of a member. */
export async function answerOf(world: World, node: SimNode, url: URL, text: string | undefined): Promise<Answer> {
  const [room, name, route] = url.pathname.split('/').slice(1);
  if (room === 'categories' || room === 'streams')
    return pageOf(world.log, room, decodeURIComponent(name!), url.searchParams);
  const body = JSON.parse(text!) as Record<string, unknown>;
  const { partitions } = node.node;
  const keyOf = ({ layout, partition }: Held) => world.partitionKey(layout, partition);
  const session = body.session as string;
  if (route === 'beat') {
    node.node.beat(session, body.beat as number);
    return { status: 204 };
  }
  const log = world.logs.of(node.epoch);
  const key = groupKey(groupName.uid, groupName.name);
  const group = node.node.groups.known(key) ?? (await node.node.groups.read(key));
  const isOfLog = ({ layout }: Held) => group !== undefined && epochOf(group, layout) === log.epoch;
  const acknowledge = async (acks: AckBody['acks']) =>
    await Promise.all(
      acks.map(async (ack) => {
        const key = keyOf(ack);
        return isOfLog(ack) && (await partitions.acknowledge(key, ack.generation, ack.position)).outcome === 'done';
      }),
    );
  switch (route) {
    case 'ack': {
      const acks = (body as unknown as AckBody).acks;
      const done = await acknowledge(acks);
      const fenced = acks.filter((_ack, index) => !done[index]);
      if (fenced.length === acks.length) return problem(409, 'FENCED');
      return { status: 200, body: { acked: [], fenced } };
    }
    case 'release': {
      const { releases } = body as unknown as { releases: AckBody['acks'] };
      await acknowledge(releases);
      for (const given of releases) await node.node.release(groupName, session, given);
      return { status: 200, body: {} };
    }
    case 'leave': {
      await acknowledge((body as unknown as AckBody).acks);
      await node.node.leave(groupName, session, body.keepMs as number);
      return { status: 204 };
    }
    case 'hold': {
      const given = body as unknown as StreamBody & { readonly error: string; readonly retryInMs?: number };
      if (!isOfLog(given)) return problem(409, 'FENCED');
      if (log !== world.log) return problem(410, 'LOG_GONE');
      const message = log.read(log.indexOf(given.stream), given.position);
      const isThere = message?.position === given.position;
      const { now } = world.time;
      const delayMs = isThere ? given.retryInMs : 0;
      const outcome = await partitions.hold(keyOf(given), given.generation, {
        stream: given.stream,
        position: given.position,
        error: given.error,
        globalPosition: isThere ? message.globalPosition : Number.POSITIVE_INFINITY,
        retryAtMs: delayMs === undefined ? undefined : now + delayMs,
      });
      if (outcome === 'too-many') return problem(409, 'TOO_MANY_HELD');
      return ifOwner(outcome, ({ held }) => ({ held: held.some(({ stream }) => stream === given.stream) }));
    }
    case 'settle': {
      const given = body as unknown as StreamBody & { readonly upTo: number };
      const { stream, position, upTo } = given;
      if (!isOfLog(given)) return problem(409, 'FENCED');
      const next = async (passed: number) => {
        if (log !== world.log) throw logGone();
        return log.nextOf(log.indexOf(stream), position, Math.max(passed, upTo));
      };
      const outcome = await partitions
        .settle(keyOf(given), given.generation, { stream, position }, next)
        .catch((error) => (isLogGone(error) ? 'gone' : Promise.reject(error)));
      if (outcome === 'gone') return problem(410, 'LOG_GONE');
      return ifOwner(outcome, ({ held }) => {
        const next = held.find((other) => other.stream === stream);
        return next === undefined ? { held: false } : { held: true, position: next.position };
      });
    }
  }
  throw new Error(`there is no route ${route}`);
}

function pageOf(log: SimLog, room: 'categories' | 'streams', name: string, query: URLSearchParams): Answer {
  if (query.get('epoch') !== log.epoch) return problem(410, 'LOG_GONE');
  const [position, batchSize] = [Number(query.get('position')), Number(query.get('batchSize'))];
  const [consumer, size] = [Number(query.get('consumer')), Number(query.get('size'))];
  if (room === 'categories' && position <= log.forgottenUpTo) return problem(410, 'LOG_FORGOTTEN');
  const stream = log.indexOf(name);
  const isAsked = (message: SimMessage) =>
    room === 'streams'
      ? message.stream === stream && message.position >= position
      : message.globalPosition >= position && log.owner(message.stream, size) === consumer;
  const page = log.messages
    .filter((message) => message.globalPosition > log.forgottenUpTo && isAsked(message))
    .slice(0, batchSize)
    .map((message) => ({
      id: String(message.globalPosition),
      stream: log.nameOf(message.stream),
      type: 'Happened',
      position: message.position,
      globalPosition: message.globalPosition,
      data: { epoch: log.epoch },
      metadata: null,
      time: '2026-01-01T00:00:00Z',
    }));
  return { status: 200, body: page };
}

function ifOwner(
  outcome: OwnerOutcome,
  answer: (record: Extract<OwnerOutcome, { outcome: 'done' }>['record']) => object,
): Answer {
  return outcome.outcome === 'done' ? { status: 200, body: answer(outcome.record) } : problem(409, 'FENCED');
}

export function problem(status: number, code: string): Answer {
  return { status, body: { error: { code, message: code, details: {} } } };
}
