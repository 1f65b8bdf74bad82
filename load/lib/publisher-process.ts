import { setTimeout as sleep } from 'node:timers/promises';
import { nowUs } from './event-reader.ts';
import { Publisher } from './publisher.ts';
import { serve } from './rpc.ts';
import { type Percentiles, percentiles } from './statistics.ts';

/** Describes the appends: prebuilt requests, one per stream, sent round robin. */
export type Requests = {
  readonly path: string;
  /** Number of streams; `{}` in the path is replaced by 0 to `streams - 1`. */
  readonly streams: number;
  readonly body: string;
  /** Default: POST. */
  readonly method?: 'GET';
};

export type PublishOrder = Requests & {
  readonly port: number;
  /** Number of writers, each of which waits for its answer. */
  readonly connections: number;
  /** Ends after this many requests, or this many milliseconds. */
  readonly count?: number;
  readonly durationMs?: number;
};

export type PublishReport = {
  readonly published: number;
  readonly startUs: number;
  readonly endUs: number;
  /** Time from request to answer. */
  readonly ackMs: Percentiles;
};

export type PaceOrder = Requests & {
  readonly port: number;
  readonly perSecond: number;
  readonly durationMs: number;
  /** Connections that send alternately, by default one. A server processes one request per connection at a time. */
  readonly connections?: number;
};

function build({ path, streams, body, method }: Requests, port: number): Buffer[] {
  return Array.from({ length: streams }, (_, stream) =>
    Buffer.from(
      `${method ?? 'POST'} ${path.replace('{}', String(stream))} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    ),
  );
}

const opened = new Map<string, Promise<Publisher[]>>();

/**
 * Writers stay connected for the next measurement, so that it does not include accepting them. A server that accepts
 * one connection per iteration, and delivers to thousands in each, takes long for that.
 */
function open(port: number, connections: number): Promise<Publisher[]> {
  return opened.getOrInsertComputed(`${port} ${connections}`, () =>
    Promise.all(Array.from({ length: connections }, () => openOne(port))),
  );
}

function openOne(port: number): Promise<Publisher> {
  return new Promise((resolve) => {
    const publisher: Publisher = new Publisher(port, () => resolve(publisher));
  });
}

function assertAnswered(publishers: readonly Publisher[]): void {
  const failed = publishers.find(({ failed }) => failed > 0);
  if (failed !== undefined) throw new Error(`an append failed: ${failed.failure}`);
}

/** Closed loop: every writer sends its next request after the answer to its last. */
async function publish(order: PublishOrder): Promise<PublishReport> {
  const requests = build(order, order.port);
  const publishers = await open(order.port, order.connections);
  const count = order.count ?? Number.POSITIVE_INFINITY;
  const acksMs: number[] = [];
  let sent = 0;
  const startUs = nowUs();
  const deadline = performance.now() + (order.durationMs ?? 600_000);
  await Promise.all(
    publishers.map(
      (publisher) =>
        new Promise<void>((resolve) => {
          let sentAt = 0;
          const next = () => {
            const now = performance.now();
            if (sentAt !== 0) acksMs.push(now - sentAt);
            if (sent >= count || now >= deadline || publisher.failed > 0) return resolve();
            sentAt = now;
            publisher.send(requests[sent++ % requests.length]!);
          };
          publisher.onAnswer = next;
          next();
        }),
    ),
  );
  const endUs = nowUs();
  assertAnswered(publishers);
  return { published: sent, startUs, endUs, ackMs: percentiles(acksMs) };
}

/** Open loop: connections send at a fixed rate and do not wait, so a slow server cannot slow down its writers. */
async function pace(order: PaceOrder): Promise<{ ackMs: Percentiles }> {
  const requests = build(order, order.port);
  const publishers = await open(order.port, order.connections ?? 1);
  const total = Math.round((order.perSecond * order.durationMs) / 1_000);
  const sentAtUs = publishers.map((): number[] => []);
  const acksMs: number[] = [];
  const finished = new Promise<void>((resolve) => {
    for (const [which, publisher] of publishers.entries()) {
      let answered = 0;
      publisher.onAnswer = () => {
        acksMs.push((nowUs() - sentAtUs[which]![answered++]!) / 1_000);
        if (acksMs.length >= total || publisher.failed > 0) resolve();
      };
    }
  });
  const start = performance.now();
  for (let at = 0; at < total; at++) {
    const waitMs = start + (at * 1_000) / order.perSecond - performance.now();
    if (waitMs > 0) await sleep(waitMs);
    const which = at % publishers.length;
    sentAtUs[which]!.push(nowUs());
    publishers[which]!.send(requests[at % requests.length]!);
  }
  await Promise.race([finished, sleep(10_000, undefined, { ref: false })]);
  assertAnswered(publishers);
  return { ackMs: percentiles(acksMs) };
}

serve({ publish, pace });
