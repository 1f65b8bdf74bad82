import { expect, test } from 'vitest';
import { type Selection, selectionKey, selects } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode } from '../support/fake-node.ts';

const messages = 5_000;
/** Enough for many cursors and selections in each page of the window. */
const subscribers = 2_000;
const windowPokes = 4_096;
const streams = Array.from({ length: 200 }, (_value, n) => new StreamName(`c${n % 40}-${n}`));
const lastStream = streams[1]!;
const streamAt = (globalPosition: number) => streams[(globalPosition * 7) % streams.length]!;

function selectionFor(n: number): Selection {
  const { text, category } = streams[n % streams.length]!;
  if (n % 500 === 0) return selectionOf({ all: true });
  if (n % 3 === 0) return selectionOf({ streams: [text] });
  if (n % 3 === 1) return selectionOf({ categories: [category], group: { member: n % 4, size: 4 } });
  return selectionOf({ categories: [category], streams: [text] });
}

/** Global positions of the selected messages; `last`: that of the message in the last stream. */
function positionsOf(selection: Selection, last: number): number[] {
  const positions = Array.from({ length: messages }, (_value, index) => index + 1);
  const selected = positions.filter((position) => selects(selection, streamAt(position), 0));
  return selects(selection, lastStream, 0) ? [...selected, last] : selected;
}

test('Thousands of subscribers that reconnect to a restarted node make it read the log once, and miss nothing.', async () => {
  await using before = new FakeNode();
  for (let position = 1; position <= messages; position++) await before.append(streamAt(position).text);
  await using node = new FakeNode({ windowPokes, storage: before.storage });
  // As on a network: most arrive before the node has read that far.
  node.store.readTurns = 3;
  const cursorOf = (n: number) => messages - ((n * 7919) % 2_500);
  const sinks = await Promise.all(
    Array.from({ length: subscribers }, async (_value, n) => {
      const { sink } = await node.subscribe({ selection: selectionFor(n), lastEventId: cursorOf(n) });
      return sink;
    }),
  );
  await node.settle();
  const { reads, boundsReads } = node.store;
  // The last message is delivered live.
  const last = await before.append(lastStream.text);
  await node.settle();

  expect(boundsReads).toBeLessThanOrEqual(2);
  expect(reads).toBeLessThanOrEqual(Math.ceil(windowPokes / 512) + 3);
  const selected = new Map<string, number[]>();
  const wrong = sinks.filter((sink, n) => {
    const selection = selectionFor(n);
    const wanted = selected.getOrInsertComputed(selectionKey(selection), () => positionsOf(selection, last));
    return sink.positions.join() !== wanted.filter((position) => position > cursorOf(n)).join();
  });
  expect(wrong).toHaveLength(0);
});
