/**
 * Objects that could be pooled but are not: a subscription's state, and the page of a catch-up. See docs/pooling.md.
 */
import { Subscription } from '../../src/hub/subscription.ts';
import { Poke } from '../../src/message/poke.ts';
import { everything } from '../../src/message/selection.ts';
import type { Sink } from '../../src/sse/connection.ts';
import { newLogId } from '../../src/store/log-id.ts';
import { type Cost, measure, sink } from './bench.ts';

const wishes = { hello: false, heads: false, conflated: false, heartbeatMs: undefined };
const request = {
  log: newLogId(),
  selection: everything,
  position: 0,
  lastEventId: undefined,
  epoch: undefined,
  wishes,
};
const host = { moved: () => {}, flushedUpTo: 0, headBeat: () => undefined };
const greeting = { head: Buffer.alloc(0), retryMs: 0 };
const released = () => {};
/** Number of pokes in a catch-up page. */
const pageOfPokes = 512;

const connection: Sink = {
  write: () => true,
  writableLength: 0,
  bytesWritten: 0,
  on: () => {},
  destroySoon: () => {},
  destroy: () => {},
};

function subscriptions(count: number): void {
  const socket = { sink: connection, framing: 'chunked' as const };
  for (let made = 0; made < count; made++) {
    sink.value = new Subscription({ request, socket, greeting, released }, host);
  }
}

function pages(fresh: boolean) {
  const poke = new Poke();
  const kept: Poke[] = [];
  return (count: number) => {
    for (let made = 0; made < count; made++) {
      const page = fresh ? [] : kept;
      for (let at = 0; at < pageOfPokes; at++) page.push(poke);
      sink.value = page;
      page.length = 0;
    }
  };
}

export async function unpooled(): Promise<Record<string, Cost>> {
  const costs: Record<string, Cost> = {};
  const add = async (name: string, run: (count: number) => void) => {
    costs[name] = await measure(name, run);
  };
  await add('subscription state, made', subscriptions);
  await add('page of 512 pokes, made', pages(true));
  await add('page of 512 pokes, kept', pages(false));
  return costs;
}
