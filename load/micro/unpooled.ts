/** What is made anew although it could be pooled: a subscription's state, and the page of a catch-up. docs/pooling.md. */
import { Subscription } from '../../src/hub/subscription.ts';
import { Poke } from '../../src/message/poke.ts';
import type { Selection } from '../../src/message/selection.ts';
import type { Sink } from '../../src/sse/connection.ts';
import { type Cost, measure, sink } from './bench.ts';

const everything: Selection = { all: true, streams: [], categories: [], group: null, fromPosition: 0 };
const wishes = { hello: false, heads: false, conflated: false, heartbeatMs: undefined };
const request = {
  namespace: 'default',
  selection: everything,
  liveSelection: everything,
  cursor: 0,
  head: 0,
  epoch: 'epoch',
  wishes,
};
const host = { moved: () => {}, settled: () => 0, readHead: () => {} };
const holder = { namespaceId: 'default', tokenId: undefined, address: '127.0.0.1' };
/** As many pokes as a page of a catch-up. */
const pageOfPokes = 512;

const socket: Sink = {
  write: () => true,
  writableLength: 0,
  bytesWritten: 0,
  on: () => {},
  destroySoon: () => {},
  destroy: () => {},
};

function subscriptions(count: number): void {
  for (let made = 0; made < count; made++) sink.value = new Subscription(request, socket, 'chunked', host, holder);
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
