import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ConsumerGroup } from '../../src/message/consumer-group.ts';
import type { NewMessage } from '../../src/message/message.ts';
import { type Selection, selects } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import type { AppendOutcome } from '../../src/store/log.ts';
import { MemoryStorage } from '../../src/store/memory/memory-storage.ts';
import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { OpenedStore } from '../contract/opened-store.ts';
import { ReferenceFollower } from '../contract/reference-follower.ts';
import { fewCategories, fewStreams, nameText, selections } from '../support/arbitraries.ts';
import { newMessage, pokePool, uuid } from '../support/fake-messages.ts';

type Stored = NewMessage & { readonly stream: string; readonly position: number; readonly globalPosition: number };

/** The plainest store there is: one array, looked through for everything. */
class ModelStore {
  readonly log: Stored[] = [];

  ofStream(stream: string): Stored[] {
    return this.log.filter((message) => message.stream === stream);
  }

  append(stream: string, messages: readonly NewMessage[], expected: number | undefined): AppendOutcome {
    const retry = this.#retry(stream, messages);
    if (retry !== undefined) return retry;
    const actual = this.ofStream(stream).length - 1;
    if (expected !== undefined && expected !== actual) return { outcome: 'version-conflict', expected, actual };
    for (const message of messages) {
      const position = this.ofStream(stream).length;
      this.log.push({ ...message, stream, position, globalPosition: this.log.length + 1 });
    }
    const { position, globalPosition } = this.log.at(-1)!;
    return { outcome: 'appended', position, globalPosition };
  }

  #retry(stream: string, messages: readonly NewMessage[]): AppendOutcome | undefined {
    const given = messages.filter((message) => message.given);
    const known = given.map(({ id }) => this.log.find((stored) => stored.id === id));
    if (new Set(given.map(({ id }) => id)).size === given.length && known.every((stored) => stored === undefined)) {
      return undefined;
    }
    const isSame = messages.every((message, index) => {
      const stored = this.log.find(({ id }) => id === message.id);
      const first = this.log.find(({ id }) => id === messages[0]!.id);
      if (stored === undefined || first === undefined || !message.given) return false;
      const { type, data, metadata } = message;
      const inPlace = stored.stream === stream && stored.position === first.position + index;
      return inPlace && stored.type === type && stored.data === data && stored.metadata === metadata;
    });
    const last = this.log.find(({ id }) => id === messages.at(-1)!.id);
    if (!isSame || last === undefined) return { outcome: 'duplicate-id', id: expect.any(String) };
    return { outcome: 'known', position: last.position, globalPosition: last.globalPosition };
  }
}

const ids = fc.option(fc.nat({ max: 12 }).map(uuid), { nil: undefined, freq: 2 });
const metadata = fc.constantFrom(null, '{}', '{"correlationStreamName":"a-9"}', '{"correlationStreamName":"b"}');
const payloads = fc.oneof(
  fc.constantFrom('{}', '{"a":1}'),
  fc.nat({ max: 2_500 }).map((length) => `{"é":"${'世'.repeat(length)}"}`),
);
const messages = fc
  .record({ id: ids, type: fc.constantFrom('A', 'B'), data: payloads, metadata })
  .map(({ id, ...rest }) => newMessage(id === undefined ? rest : { id, ...rest }));
const versions = fc.option(fc.integer({ min: -1, max: 4 }), { nil: undefined, freq: 3 });
const streams = fc.oneof({ weight: 5, arbitrary: fewStreams }, nameText);
const groups: fc.Arbitrary<ConsumerGroup | undefined> = fc.option(
  fc.integer({ min: 1, max: 4 }).chain((size) => fc.nat({ max: size - 1 }).map((member) => ({ member, size }))),
  { nil: undefined },
);
const limits = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.constant(1_000));

type Step = (store: OpenedStore, model: ModelStore) => Promise<void>;

const appending: fc.Arbitrary<Step> = fc
  .record({ stream: streams, messages: fc.array(messages, { minLength: 1, maxLength: 4 }), expected: versions })
  .map(({ stream, messages, expected }) => async ({ log }, model) => {
    const outcome = await log.append(stream, messages, expected);
    expect(outcome).toEqual(model.append(stream, messages, expected));
  });

const readingStream: fc.Arbitrary<Step> = fc
  .record({ stream: streams, from: fc.integer({ min: -1, max: 12 }), byPosition: fc.boolean(), limit: limits })
  .map(({ stream, from, byPosition, limit }) => async (store, model) => {
    const start = byPosition ? { position: from } : { globalPosition: from };
    const expected = model
      .ofStream(stream)
      .filter((message) => (byPosition ? message.position : message.globalPosition) >= from);
    expect((await store.stream(stream, start, limit)).map(placeOf)).toEqual(expected.map(placeOf));
    expect(await store.log.version(stream)).toBe(model.ofStream(stream).length - 1);
    const last = await store.log.readLast(stream, 'A');
    const expectedLast = model.ofStream(stream).findLast(({ type }) => type === 'A');
    expect(last?.position).toBe(expectedLast?.position);
  });

const readingLog: fc.Arbitrary<Step> = fc
  .record({
    category: fc.option(fewCategories, { nil: undefined }),
    group: groups,
    correlation: fc.constantFrom(undefined, undefined, 'a', 'b'),
    from: fc.integer({ min: 0, max: 20 }),
    limit: limits,
  })
  .map(({ category, group, correlation, from, limit }) => async (store, model) => {
    const expected = model.log.filter((message) => {
      const name = new StreamName(message.stream);
      if (message.globalPosition < from || (category !== undefined && name.category !== category)) return false;
      if (group !== undefined && !name.ownedBy(group)) return false;
      const named = JSON.parse(message.metadata ?? '{}').correlationStreamName;
      return correlation === undefined || (named !== undefined && new StreamName(named).category === correlation);
    });
    expect((await store.messages({ category, group, correlation }, from, limit)).map(placeOf)).toEqual(
      expected.map(placeOf),
    );
  });

const readingPokes: fc.Arbitrary<Step> = fc
  .record({ selection: selections, after: fc.nat({ max: 20 }), limit: limits })
  .map(({ selection, after, limit }) => async (store, model) => {
    const expected = selected(model, selection).filter(({ globalPosition }) => globalPosition > after);
    expect(await store.pokes(selection, after, limit)).toEqual(expected.map(pokeText));
  });

const listing: fc.Arbitrary<Step> = fc
  .record({
    prefix: fc.constantFrom('', 'a', 'a-', '😀', 'none'),
    after: fc.option(streams, { nil: undefined }),
    limit: limits,
  })
  .map(({ prefix, after, limit }) => async ({ log }, model) => {
    const bytesOf = (name: string) => Buffer.from(name);
    const order = (a: string, b: string) => Buffer.compare(bytesOf(a), bytesOf(b));
    const behind = (name: string) => after === undefined || order(name, after) > 0;
    const names = [...new Set(model.log.map(({ stream }) => stream))].sort(order);
    const listed = await log.listStreams(prefix, after, limit);
    expect(listed.map(({ stream, version, messageCount }) => [stream, version, messageCount])).toEqual(
      names
        .filter((name) => name.startsWith(prefix) && behind(name))
        .slice(0, limit)
        .map((name) => [name, model.ofStream(name).length - 1, model.ofStream(name).length]),
    );
    const categories = [...new Set(names.map((name) => new StreamName(name).category))].sort(order).filter(behind);
    const inCategory = (category: string) => names.filter((name) => new StreamName(name).category === category);
    expect(await log.listCategories(after, limit)).toEqual(
      categories.slice(0, limit).map((category) => ({
        category,
        streamCount: inCategory(category).length,
        messageCount: inCategory(category).flatMap((name) => model.ofStream(name)).length,
      })),
    );
  });

test('the store equals a plain model under any operations', async () => {
  const step = fc.oneof({ weight: 4, arbitrary: appending }, readingStream, readingLog, readingPokes, listing);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const pool = pokePool();
      await using opened = await OpenedStore.over(new MemoryStore(new MemoryStorage(), pool), pool);
      const model = new ModelStore();
      const follower = new ReferenceFollower(opened.log);
      for (const run of steps) await run(opened, model);
      expect(await follower.finish()).toEqual(model.log.map(pokeText));
      // The memory store announces every append as a page that goes on where the last one ended.
      expect(follower.pushed).toBe(model.log.length);
      expect((await opened.messages()).map(contentOf)).toEqual(model.log.map(contentOf));
      expect(await opened.head()).toBe(model.log.length);
    }),
    { numRuns: 400 },
  );
});

type Place = { readonly stream: string; readonly position: number; readonly globalPosition: number };

function placeOf({ stream, position, globalPosition }: Place): Place {
  return { stream, position, globalPosition };
}

function pokeText({ stream, position, globalPosition }: Place): string {
  return `${stream}/${position}@${globalPosition}`;
}

function contentOf({ id, type, data, metadata, ...place }: Omit<Stored, 'given'>) {
  return { id, type, data, metadata, ...placeOf(place) };
}

function selected(model: ModelStore, selection: Selection): Stored[] {
  return model.log.filter(({ stream, position }) => selects(selection, new StreamName(stream), position));
}
