/** Formatting a page of 1,000 messages as JSON, without reading it. */
import { type Message, messageJson } from '../../src/message/message.ts';
import { type Cost, measure, sink } from './bench.ts';

const pageMessages = 1_000;

/** Messages of one page, stored this many milliseconds apart. */
function pageOf(apartMs: number): Message[] {
  return Array.from({ length: pageMessages }, (_, position) => ({
    id: `0198c0de-7e57-7abc-8def-${String(position).padStart(12, '0')}`,
    stream: `account-${position % 7}`,
    type: 'Deposited',
    position,
    globalPosition: 500_000 + position,
    data: `{"text":"${'x'.repeat(89)}"}`,
    metadata: null,
    timeMs: 1_763_700_000_000 + position * apartMs,
    timeNanos: 0,
  }));
}

export async function page(): Promise<Record<string, Cost>> {
  const costs: Record<string, Cost> = {};
  for (const apartMs of [1, 1_000]) {
    const name = `JSON of ${pageMessages} messages, ${apartMs} ms apart`;
    const messages = pageOf(apartMs);
    costs[name] = await measure(name, (count) => {
      for (let made = 0; made < count; made++) sink.value = messages.map(messageJson).join();
    });
  }
  return costs;
}
