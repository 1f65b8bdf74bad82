import { nowUs } from './event-reader.ts';
import { serve } from './rpc.ts';
import { Subscriber } from './subscriber.ts';
import { type IdOrder, Transcript } from './transcript.ts';

/** Subscribers with the same selection. */
export type GroupRequest = {
  readonly name: string;
  readonly port: number;
  /** `{}` is replaced by the subscriber's number in the group. */
  readonly path: string;
  readonly count: number;
  readonly order?: IdOrder;
};

export type GroupReport = {
  readonly connections: number;
  /** Frames of all connections together. */
  readonly frames: number;
  readonly least: number;
  readonly most: number;
  readonly bytes: number;
  readonly closed: number;
  /** Errors in content or order; empty if every connection is correct. */
  readonly problems: readonly string[];
};

export type Connected = {
  /** When the first connection was started. */
  readonly startUs: number;
  /** Time until the last answer. */
  readonly ms: number;
  /** Answers other than 200. */
  readonly refused: number;
};

/** Maximum number of connections waiting for their answers; the queue of a listening socket holds 511. */
const inFlight = 256;
const pollMs = 2;

/**
 * Reads in bursts: sleeps, reads what every socket has, sleeps. A reader waiting in `epoll_wait` would be woken by
 * every write of the server, on the server's core and at its cost, which does not happen with subscribers on other
 * machines.
 */
function readInBursts(pauseMs: number): void {
  const never = new Int32Array(new SharedArrayBuffer(4));
  const pause = () => {
    Atomics.wait(never, 0, 0, pauseMs);
    setImmediate(pause);
  };
  pause();
}

type Group = { readonly transcript: Transcript; readonly subscribers: Subscriber[] };
const groups = new Map<string, Group>();

function groupOf(name: string): Group {
  const group = groups.get(name);
  if (group === undefined) throw new Error(`no group ${name}`);
  return group;
}

/**
 * Connects all subscribers of these groups and resolves when each has its response head. Groups that exist already get
 * more subscribers, compared with the same transcript.
 */
async function connectAll(requests: readonly GroupRequest[]): Promise<Connected> {
  const startUs = nowUs();
  const todo: { port: number; path: string; group: Group }[] = [];
  for (const request of requests) {
    const existing = groups.get(request.name);
    const group = existing ?? { transcript: new Transcript(request.order ?? 'consecutive'), subscribers: [] };
    group.transcript.readers += request.count;
    groups.set(request.name, group);
    for (let made = 0; made < request.count; made++)
      todo.push({ ...request, group, path: request.path.replace('{}', `${made}`) });
  }
  let refused = 0;
  await new Promise<void>((resolve) => {
    let next = 0;
    let open = todo.length;
    if (open === 0) resolve();
    const ready = (status: number) => {
      if (status !== 200) refused++;
      if (--open === 0) resolve();
      else one();
    };
    const one = () => {
      const item = todo[next++];
      if (item === undefined) return;
      item.group.subscribers.push(new Subscriber(item.port, item.path, item.group.transcript, ready));
    };
    for (let started = 0; started < inFlight; started++) one();
  });
  return { startUs, ms: (nowUs() - startUs) / 1_000, refused };
}

function report(name: string): GroupReport {
  const { transcript, subscribers } = groupOf(name);
  const frames = subscribers.map(({ events }) => events.frames);
  const wrong = subscribers.flatMap(({ events }) => events.problem ?? []);
  return {
    connections: subscribers.length,
    frames: frames.reduce((sum, count) => sum + count, 0),
    least: frames.length === 0 ? 0 : Math.min(...frames),
    most: frames.length === 0 ? 0 : Math.max(...frames),
    bytes: subscribers.reduce((sum, { bytes }) => sum + bytes, 0),
    closed: subscribers.filter(({ closed }) => closed).length,
    problems: [...transcript.problems, ...wrong.slice(0, 20)],
  };
}

/** Resolves when every connection of the group that is not stalled has this many frames, or after `timeoutMs`. */
async function awaitFrames(wanted: { name: string; frames: number; first?: number; timeoutMs: number }) {
  const { transcript, subscribers } = groupOf(wanted.name);
  const deadline = performance.now() + wanted.timeoutMs;
  const first = wanted.first ?? 0;
  const enough = () => {
    if (transcript.frames < wanted.frames) return false;
    // Fast path if all are wanted: the last frame counts the connections that have it.
    if (first === 0) return wanted.frames === 0 || transcript.heard[wanted.frames - 1] === transcript.readers;
    return subscribers.every(({ events }, at) => at < first || events.frames >= wanted.frames);
  };
  while (!enough() && performance.now() < deadline) await new Promise((resolve) => setTimeout(resolve, pollMs));
  const completedAtUs = wanted.frames === 0 ? 0 : (transcript.completedAtUs[wanted.frames - 1] ?? 0);
  return { complete: enough(), completedAtUs };
}

serve({
  connect: connectAll,
  report,
  readInBursts,
  awaitFrames,
  reports: (names: readonly string[]) => names.map(report),
  stall: ({ name, count }: { name: string; count: number }) => {
    for (const subscriber of groupOf(name).subscribers.slice(0, count)) subscriber.stall();
  },
  resume: ({ name }: { name: string }) => {
    for (const subscriber of groupOf(name).subscribers) subscriber.resume();
  },
  leave: (name: string) => {
    for (const subscriber of groupOf(name).subscribers) subscriber.leave();
    groups.delete(name);
  },
});
