import { expect, test } from 'vitest';
import { selectionOf } from '../support/fake-messages.ts';
import { FakeNode } from '../support/fake-node.ts';
import { heldBytes } from '../support/held-bytes.ts';
import { readText } from '../support/monitoring.ts';

const subscribers = 200;

/** Extra memory of a subscriber with 100 selectors of this length, compared with one. */
async function bytesOfSelectors(nameBytes: number): Promise<number> {
  const heldWith = async (selectors: number) => {
    await using node = new FakeNode();
    const before = heldBytes();
    for (let n = 0; n < subscribers; n++) {
      // Parsed from a request, so that no two subscribers share a name.
      const text = Array.from({ length: selectors }, (_, at) =>
        `${selectors}-${n}-${at}-`.padEnd(nameBytes, 'x'),
      ).join();
      await node.subscribe({ selection: selectionOf({ streams: text.split(',') }) });
    }
    await node.settle();
    expect(node.hub.subscriptions.size).toBe(subscribers);
    return heldBytes() - before;
  };
  // Compiles the code that is measured afterwards.
  await heldWith(1);
  return ((await heldWith(100)) - (await heldWith(1))) / subscribers;
}

const row =
  /\| a selector that no other subscriber has \|.*100 selectors of 12 bytes take (\d+) KiB, 100 of 140 bytes (\d+) KiB/;
const [, short, long] = row.exec(readText('docs/operations.md'))!;

test.each([
  [12, Number(short)],
  [140, Number(long)],
])('100 selectors of %i bytes take no more than operations.md says, %i KiB.', async (nameBytes, documentedKib) => {
  const kib = (await bytesOfSelectors(nameBytes)) / 1_024;
  expect(kib).toBeLessThan(documentedKib * 1.2);
  expect(kib).toBeGreaterThan(documentedKib * 0.4);
});
