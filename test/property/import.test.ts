import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Message } from '../../src/message/message.ts';
import { parseTime, timeText } from '../../src/message/message-time.ts';
import { selects } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import type { ImportOutcome } from '../../src/store/log.ts';
import { OpenedStore } from '../contract/opened-store.ts';
import { ReferenceFollower } from '../contract/reference-follower.ts';
import { noLimits } from '../contract/suite.ts';
import { placesOf } from '../contract/whole-log.ts';
import { selections } from '../support/arbitraries.ts';
import { engines } from '../support/engines.ts';
import { newMessages, pokePool } from '../support/fake-messages.ts';
import { messageAt } from '../support/imported-messages.ts';

const places = fc
  .record({
    stream: fc.constantFrom('a-1', 'a-2', 'b-1'),
    position: fc.nat({ max: 12 }),
    globalPosition: fc.integer({ min: 1, max: 40 }),
    id: fc.option(fc.nat({ max: 60 })),

    timeNanos: fc.constantFrom(0, 0, 0, 0, 1, 999_999),
  })
  .map(({ stream, position, globalPosition, id, timeNanos }) =>
    messageAt(`${stream}/${position}@${globalPosition}`, { id: `id ${id ?? globalPosition}`, timeNanos }),
  );
const batches = fc.array(places, { maxLength: 6 });

/** The error of a batch, found by comparing every message with every other. */
function refusal(log: readonly Message[], batch: readonly Message[]): ImportOutcome | undefined {
  for (const [index, message] of batch.entries()) {
    const others = [...log, ...batch.slice(0, index)];
    if (others.some((other) => isDeepStrictEqual(other, message))) continue;
    const exists = (field: 'id' | 'position' | 'globalPosition') =>
      ({ outcome: 'position-exists', index, field }) as const;
    if (others.some(({ id }) => id === message.id)) return exists('id');
    if (others.some(({ globalPosition }) => globalPosition === message.globalPosition)) return exists('globalPosition');
    if (others.some(({ stream, position }) => stream === message.stream && position === message.position)) {
      return exists('position');
    }
  }
  const crosses = (one: Message, other: Message) =>
    one.stream === other.stream && one.position < other.position !== one.globalPosition < other.globalPosition;
  for (const [index, message] of batch.entries()) {
    if ([...log, ...batch.slice(0, index)].some((other) => crosses(message, other))) {
      return { outcome: 'out-of-order', index: expect.any(Number) as number };
    }
  }
  return undefined;
}

/** The batch's messages that the log lacks, each once. */
function newOf(log: readonly Message[], batch: readonly Message[]): Message[] {
  return batch.filter(
    (message, index) => ![...log, ...batch.slice(0, index)].some((other) => isDeepStrictEqual(other, message)),
  );
}

test.each(engines)(
  'A log of the $name store is the same whatever the order of its batches, and every read of it agrees with a plain list.',
  async ({ name, open }) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(batches, fc.constant('append' as const)), { maxLength: 12 }),
        selections,
        fc.nat({ max: 45 }),
        async (steps, selection, from) => {
          const pool = pokePool();
          await using opened = await OpenedStore.over(await open({ pokes: pool, ...noLimits }), pool);
          const expectedPokes: string[] = [];
          const follower = new ReferenceFollower(opened.log);
          let log: Message[] = [];
          let head = 0;
          const session = await opened.log.beginImport();
          for (const step of steps) {
            if (step === 'append') {
              await opened.append('a-1', newMessages(1));
              log.push((await opened.messages()).at(-1)!);
            } else {
              const problem = refusal(log, step);
              const added = newOf(log, step);
              const outcome = { outcome: 'imported', known: step.length - added.length };
              expect(await session.add(step)).toEqual(problem ?? outcome);
              if (problem === undefined) log = [...log, ...added].sort((a, b) => a.globalPosition - b.globalPosition);
            }
            expectedPokes.push(...placesOf(log.filter(({ globalPosition }) => globalPosition > head)));
            head = Math.max(head, log.at(-1)?.globalPosition ?? 0);
          }
          expect(await follower.finish()).toEqual(expectedPokes);
          expect(await opened.head()).toBe(head);
          expect(await opened.messages()).toEqual(log);
          expect(await opened.messages({ category: 'a' }, from, 2)).toEqual(
            log.filter(({ stream, globalPosition }) => stream.startsWith('a-') && globalPosition >= from),
          );
          for (const stream of ['a-1', 'a-2', 'b-1']) {
            const messages = log.filter((message) => message.stream === stream);
            expect(await opened.stream(stream, { position: from % 13 }, 2)).toEqual(
              messages.filter(({ position }) => position >= from % 13),
            );
            expect(await opened.stream(stream, { globalPosition: from }, 2)).toEqual(
              messages.filter(({ globalPosition }) => globalPosition >= from),
            );
            expect(await opened.log.version(stream)).toBe(messages.at(-1)?.position ?? -1);
          }
          const selected = log.filter(({ stream, position }) => selects(selection, new StreamName(stream), position));
          expect(await opened.pokes(selection, from, 3)).toEqual(
            placesOf(selected.filter(({ globalPosition }) => globalPosition > from)),
          );
        },
      ),
      // Opening a file takes longer than most runs.
      { numRuns: name === 'memory' ? 400 : 60 },
    );
  },
);

test('A time is unchanged by writing and reading, and so is its text.', () => {
  const times = fc.record({
    timeMs: fc.integer({ min: Date.parse('0000-01-01T00:00:00Z'), max: Date.parse('9999-12-31T23:59:59.999Z') }),
    timeNanos: fc.oneof(fc.constantFrom(0, 1_000, 999_000), fc.nat({ max: 999_999 })),
  });
  fc.assert(
    fc.property(times, (time) => {
      const text = timeText(time);
      expect(parseTime(text)).toEqual(time);
      expect(timeText(parseTime(text)!)).toBe(text);
    }),
  );
});
