import { StreamName } from '../message/stream-name.ts';
import { ownTurn } from '../message/turns.ts';
import type { Log } from '../store/log.ts';
import type { Namespace } from '../store/namespace-store.ts';
import type { ConsumerGroups } from './consumer-groups.ts';
import { groupBusy } from './create-group.ts';
import type { Group } from './group.ts';
import { selectionOf, timeOf } from './group-lag.ts';
import { predecessors, relayout } from './ownership.ts';

/** Maximum number of streams that a plan examines. */
const maxPlannedStreams = 100_000;
const pageStreams = 1_000;

/** Approximate number of the category's latest messages from which rates are estimated. */
const sampledMessages = 10_000;
const pagePokes = 1_000;
const dayMs = 86_400_000;
/** Shortest period for a rate, so that a burst does not count as one. */
const leastSpanMs = 3_600_000;

type PlannedPartition = {
  /** Name of the member that would own it; undefined: the group has no members. */
  readonly member: string | undefined;
  readonly streams: number;
  readonly messagesPerDay: number;
};

/** The effects of a resize. */
export type ResizePlan = {
  readonly size: number;
  /** Streams that belong to a partition. */
  readonly streams: number;
  /** Whether all streams were counted. */
  readonly isExact: boolean;
  /** Counted streams that would move to another member. */
  readonly moved: number;
  readonly partitions: readonly PlannedPartition[];
  /** The stream with the most sampled messages, and its share of them; undefined: there are none. */
  readonly largest: { readonly stream: string; readonly share: number } | undefined;
  /** Number of current partitions that each new one waits for. */
  readonly predecessors: number;
};

/** Calculates the effects of a resize without changing anything. Throws `GROUP_BUSY` during a layout change. */
export async function planResize(
  groups: ConsumerGroups,
  namespace: Namespace,
  name: string,
  size: number,
): Promise<ResizePlan> {
  const group = await groups.find(namespace, name);
  const resized = structuredClone(group);
  if (!relayout(resized, size, { from: 'previous' })) throw groupBusy(name);
  const log = groups.logOf(namespace);
  const streams = await countStreams(log, group, resized);
  const rates = await sampleRates(log, resized);
  const { members } = resized;
  return {
    size,
    ...streams,
    partitions: resized.partitions.map(({ next }, index) => ({
      member: next === undefined ? undefined : members[next]?.name,
      streams: streams.ofPartition[index]!,
      messagesPerDay: rates.ofPartition[index]!,
    })),
    largest: rates.largest,
    predecessors: predecessors(resized, 0).length,
  };
}

async function countStreams(log: Log, group: Group, resized: Group) {
  const ofPartition: number[] = new Array(resized.size).fill(0);
  let streams = 0;
  let moved = 0;
  let after: string | undefined;
  let isExact = false;
  for (let looked = 0; looked < maxPlannedStreams && !isExact; ) {
    const page = await log.listStreams(`${group.category}-`, after, pageStreams);
    for (const { stream, messageCount } of page) {
      if (messageCount === 0) continue;
      const streamName = new StreamName(stream);
      const partition = streamName.owner(resized.size);
      ofPartition[partition]!++;
      streams++;
      if (group.partitions[streamName.owner(group.size)]!.next !== resized.partitions[partition]!.next) moved++;
    }
    looked += page.length;
    isExact = page.length < pageStreams;
    after = page.at(-1)?.stream;
    await ownTurn();
  }
  return { ofPartition, streams, moved, isExact };
}

/** Counts the latest messages of the category by stream. Goes back until there are enough. */
async function sampleRates(log: Log, { category, size }: Group) {
  const { head, forgottenUpTo } = await log.bounds(selectionOf({ category }));
  for (let span = sampledMessages; ; span *= 4) {
    const after = Math.max(forgottenUpTo, head - span);
    const sample = await takeSample(log, category, after);
    if (sample.messages * 4 >= sampledMessages || after === forgottenUpTo) return ratesOf(sample, size);
  }
}

type Sample = { readonly messages: number; readonly ofStream: ReadonlyMap<string, number>; readonly spanMs: number };

async function takeSample(log: Log, category: string, from: number): Promise<Sample> {
  const ofStream = new Map<string, number>();
  let messages = 0;
  let first: number | undefined;
  let last = from;
  let isWhole = false;
  while (!isWhole && messages < 2 * sampledMessages) {
    const page = await log.pokes(selectionOf({ category }), last, pagePokes);
    try {
      for (const { stream, globalPosition } of page.pokes) {
        if (stream.cardinalId === null) continue;
        first ??= globalPosition;
        messages++;
        ofStream.set(stream.text, (ofStream.get(stream.text) ?? 0) + 1);
      }
      last = page.upTo;
      isWhole = page.atEnd;
    } finally {
      page.release();
    }
    await ownTurn();
  }
  const filter = { category, group: undefined };
  const endMs = isWhole ? undefined : await timeOf(log, filter, last);
  const startMs = first === undefined ? undefined : await timeOf(log, filter, first);
  const untilMs = endMs ?? Date.now();
  return { messages, ofStream, spanMs: Math.max(leastSpanMs, untilMs - (startMs ?? untilMs)) };
}

function ratesOf({ messages, ofStream, spanMs }: Sample, size: number) {
  const ofPartition: number[] = new Array(size).fill(0);
  let largest: ResizePlan['largest'];
  for (const [stream, count] of ofStream) {
    ofPartition[new StreamName(stream).owner(size)]! += (count * dayMs) / spanMs;
    if (largest === undefined || count / messages > largest.share) largest = { stream, share: count / messages };
  }
  return { ofPartition, largest };
}
