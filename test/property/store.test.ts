import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ConsumerGroup } from '../../src/message/consumer-group.ts';
import type { NewMessage } from '../../src/message/message.ts';
import { type Selection, selects } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import type { AppendOutcome } from '../../src/store/log.ts';
import type { StoreOptions } from '../../src/store/open-store.ts';
import type { Store } from '../../src/store/store.ts';
import { OpenedStore } from '../contract/opened-store.ts';
import { ReferenceFollower } from '../contract/reference-follower.ts';
import { noLimits } from '../contract/suite.ts';
import { natsProgram } from '../nats/nats-server.ts';
import { NatsStores } from '../nats/nats-stores.ts';
import { fewCategories, fewStreams, nameText, selections } from '../support/arbitraries.ts';
import { engines } from '../support/engines.ts';
import { newMessage, pokePool, uuid } from '../support/fake-messages.ts';
import { forgetAll } from '../support/forget-all.ts';

type Open = (options: StoreOptions) => Store | Promise<Store>;

type Stored = NewMessage & { readonly stream: string; readonly position: number; readonly globalPosition: number };

/** The simplest possible store: one array, scanned for everything. */
class ModelStore {
  log: Stored[] = [];
  /** Every message ever appended. */
  readonly appended: Stored[] = [];
  /** Version of each stream, in order of first message. */
  readonly versions = new Map<string, number>();
  /** Global position of each stream's last message deleted by retention. */
  readonly forgotten = new Map<string, number>();

  ofStream(stream: string): Stored[] {
    return this.log.filter((message) => message.stream === stream);
  }

  append(stream: string, messages: readonly NewMessage[], expected: number | undefined): AppendOutcome {
    const retry = this.#retry(stream, messages);
    if (retry !== undefined) return retry;
    const actual = this.version(stream);
    if (expected !== undefined && expected !== actual) return { outcome: 'version-conflict', expected, actual };
    for (const message of messages) {
      const position = this.version(stream) + 1;
      const stored = { ...message, stream, position, globalPosition: this.appended.length + 1 };
      this.log.push(stored);
      this.appended.push(stored);
      this.versions.set(stream, position);
    }
    const { position, globalPosition } = this.log.at(-1)!;
    return { outcome: 'appended', position, globalPosition };
  }

  version(stream: string): number {
    return this.versions.get(stream) ?? -1;
  }

  /** Deletes the oldest messages of a category beyond a number. */
  forget(category: string | undefined, maxMessages: number): void {
    const left = kept(this, category, maxMessages);
    for (const gone of new Set(this.log).difference(new Set(left)))
      this.forgotten.set(gone.stream, gone.globalPosition);
    this.log = left;
  }

  erase(stream: string, position: number | undefined): number {
    const { length } = this.log;
    this.log = this.log.filter(
      (message) => message.stream !== stream || (position !== undefined && message.position !== position),
    );
    return length - this.log.length;
  }

  /** Deleted range of a selection; if it names a category, of all its streams. */
  forgottenUpTo({ all, streams, categories }: Selection): number {
    const isNamed = (stream: string) => all || streams.includes(stream) || categories.includes(categoryOf(stream));
    return Math.max(0, ...[...this.forgotten].filter(([stream]) => isNamed(stream)).map(([, upTo]) => upTo));
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
    expect(await store.log.version(stream)).toBe(model.version(stream));
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
    expect((await store.log.bounds(selection)).forgottenUpTo).toBe(model.forgottenUpTo(selection));
  });

const forgetting: fc.Arbitrary<Step> = fc
  .record({ category: fc.option(fewCategories, { nil: undefined }), maxMessages: fc.nat({ max: 12 }) })
  .map(({ category, maxMessages }) => async ({ store, namespace }, model) => {
    const limits = { maxMessages };
    expect((await store.log(namespace.log).kept({ category, limits }, 0)).excess.messages).toBe(
      new Set(model.log).difference(new Set(kept(model, category, maxMessages))).size,
    );
    await store.namespaces.setRetention(namespace, category, limits);
    await forgetAll(store);
    await store.namespaces.setRetention(namespace, category, undefined);
    model.forget(category, maxMessages);
  });

const erasing: fc.Arbitrary<Step> = fc
  .record({ stream: streams, position: fc.option(fc.nat({ max: 8 }), { nil: undefined }) })
  .map(({ stream, position }) => async ({ log }, model) => {
    expect(await log.erase(stream, position)).toBe(model.erase(stream, position));
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
    const names = [...model.versions.keys()].sort(order);
    const listed = await log.listStreams(prefix, after, limit);
    expect(listed.map(({ stream, version, messageCount }) => [stream, version, messageCount])).toEqual(
      names
        .filter((name) => name.startsWith(prefix) && behind(name))
        .slice(0, limit)
        .map((name) => [name, model.version(name), model.ofStream(name).length]),
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

/** The same for a store with its own list order: complete lists have the same content. */
const listingAll: fc.Arbitrary<Step> = fc
  .record({ prefix: fc.constantFrom('', 'a', 'a-', '😀', 'none'), limit: limits })
  .map(({ prefix, limit }) => async ({ log }, model) => {
    const streams: string[] = [];
    for (let page = ['']; page.length > 0; streams.push(...page)) {
      page = (await log.listStreams(prefix, streams.at(-1), limit)).map(({ stream }) => stream);
    }
    const names = [...model.versions.keys()];
    expect(streams.sort()).toEqual(names.filter((name) => name.startsWith(prefix)).sort());
    const categories: string[] = [];
    for (let page = ['']; page.length > 0; categories.push(...page)) {
      page = (await log.listCategories(categories.at(-1), limit)).map(({ category }) => category);
    }
    expect(categories.sort()).toEqual([...new Set(names.map(categoryOf))].sort());
  });

const appendingAndReading = [{ weight: 6, arbitrary: appending }, readingStream, readingLog, readingPokes] as const;

async function expectToEqualModel(name: string, open: Open): Promise<void> {
  const step =
    name === 'nats'
      ? fc.oneof(...appendingAndReading, listingAll)
      : fc.oneof(...appendingAndReading, listing, forgetting, erasing);
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40, size: 'max' }), async (steps) => {
      const pool = pokePool();
      await using opened = await OpenedStore.over(await open({ pokes: pool, ...noLimits }), pool);
      const model = new ModelStore();
      const follower = new ReferenceFollower(opened.log);
      for (const run of steps) await run(opened, model);
      expect(await follower.finish()).toEqual(model.appended.map(pokeText));
      // Each of these announces every append as a page that continues where the last one ended.
      if (name !== 'nats') expect(follower.pushed).toBe(model.appended.length);
      expect((await opened.messages()).map(contentOf)).toEqual(model.log.map(contentOf));
      expect(await opened.head()).toBe(model.appended.length);
      expect((await opened.store.usage()).messages).toBe(model.log.length);
    }),
    // Opening a file takes longer than most runs.
    { numRuns: name === 'memory' ? 400 : 60 },
  );
}

test.each(engines)('the $name store equals a plain model under any operations', ({ name, open }) =>
  expectToEqualModel(name, open),
);

test.skipIf(natsProgram === undefined)(
  'the nats store equals a plain model under any operations (needs nats-server)',
  async () => {
    await using stores = await NatsStores.start();
    await expectToEqualModel('nats', (options) => stores.open(options));
  },
);

function categoryOf(stream: string): string {
  return new StreamName(stream).category;
}

/** The messages that a rule keeps. */
function kept(model: ModelStore, category: string | undefined, maxMessages: number): Stored[] {
  const ofRule = model.log.filter(({ stream }) => category === undefined || categoryOf(stream) === category);
  const gone = new Set(ofRule.slice(0, Math.max(0, ofRule.length - maxMessages)));
  return model.log.filter((message) => !gone.has(message));
}

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
