import fc from 'fast-check';
import { fewStreams } from '../support/arbitraries.ts';
import { ended, recordAt } from '../support/import-client.ts';
import { command, type ModelCommand, someNamespace } from './command.ts';
import { LogBook, type Place } from './log-book.ts';
import type { Site } from './site.ts';
import { placesOf, type Tenancy, type World } from './world.ts';

/** A stream with frames so long that a few thousand fill a socket. */
export const longStream = `a-${'"'.repeat(1_000)}`;
const longStreamName = 'a-long';

/** Stream names; a very long one has an alias, so that reports stay readable. */
export const streamNames = fc.oneof(
  { weight: 9, arbitrary: fewStreams },
  { weight: 1, arbitrary: fc.constant(longStreamName) },
);

export function streamOf(name: string): string {
  return name === longStreamName ? longStream : name;
}

const message = { type: 'Happened', data: { note: 'x' } };

/** Appends one message or a batch; continues before the answer unless it `waits`. */
const append = command(
  'append',
  fc.record({
    namespace: someNamespace,
    stream: streamNames,
    count: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(60, 700)),
    waits: fc.boolean(),
  }),
  {
    run: async (world, site, { namespace, stream, count, waits }) => {
      const tenancy = world.tenancies.get(namespace)!;
      world.append(site, tenancy, streamOf(stream), new Array(count).fill(message));
      if (waits) await tenancy.log.answered();
    },
  },
);

/** Appends the same messages twice concurrently, like a writer that saw no answer: they must be stored and poked once. */
const repeat = command(
  'appendTwice',
  fc.record({ namespace: someNamespace, stream: streamNames, count: fc.integer({ min: 1, max: 3 }) }),
  {
    run: async (world, site, { namespace, stream, count }) => {
      const { token, log } = world.tenancies.get(namespace)!;
      const body = Array.from({ length: count }, () => ({ ...message, id: world.newId() }));
      const sentAt = world.tick();
      const answers = await Promise.all([1, 2].map(() => site.append(token, streamOf(stream), body)));
      const statuses = answers.map(({ status }) => status).sort();
      const [first, second] = answers.map(({ text }) => text);
      if (statuses.join() !== '200,201' || first !== second) {
        throw new Error(`an append and its retry were answered ${statuses}: ${first} and ${second}`);
      }
      log.enter(placesOf(answers[0]!.body), { sentAt, knownAt: world.tick() });
    },
  },
);

/** Appends with an expectation that cannot hold: nothing is stored or poked. */
const conflict = command('appendInConflict', fc.record({ namespace: someNamespace, stream: streamNames }), {
  run: async (world, site, { namespace, stream }) => {
    const { token } = world.tenancies.get(namespace)!;
    const { status, text } = await site.append(token, streamOf(stream), [message], '?expectedVersion=4000000');
    if (status !== 409) throw new Error(`an append in conflict was answered ${status} ${text}`);
  },
});

/** Imports messages after the head with gaps in between, and into gaps of earlier imports. */
const importMessages = command(
  'import',
  fc.record({
    namespace: someNamespace,
    behind: fc.array(fc.record({ stream: fewStreams, gap: fc.nat({ max: 3 }) }), { maxLength: 6 }),
    intoGaps: fc.nat({ max: 3 }),
  }),
  {
    run: async (world, site, { namespace, behind, intoGaps }) => {
      const tenancy = world.tenancies.get(namespace)!;
      await tenancy.log.answered();
      const late = tenancy.log.gaps().slice(0, intoGaps);
      const lateStream = `b-late${world.tick()}`;
      const places = [
        ...late.map((globalPosition, position) => ({ stream: lateStream, position, globalPosition })),
        ...placesBehind(tenancy.log, behind),
      ];
      const sentAt = world.tick();
      await importPlaces(site, tenancy, places, '');
      tenancy.log.enter(places, { sentAt, knownAt: world.tick(), isImport: true });
    },
  },
);

/** Replaces the namespace's log: its subscriptions end, because their cursors belong to the old one. */
const replaceLog = command(
  'importForced',
  fc.record({ namespace: someNamespace, behind: fc.array(fc.record({ stream: fewStreams, gap: fc.nat({ max: 3 }) })) }),
  {
    run: async (world, site, { namespace, behind }) => {
      const tenancy = world.tenancies.get(namespace)!;
      const { log, token, id } = tenancy;
      await log.answered();
      const ending = world.held.filter(({ facts }) => facts.log === log);
      world.expectEnd(site, ending, 'log-replaced');
      log.isGone = true;
      site.catchUp();
      // Like an export of another log, whose positions start over.
      const places = placesBehind(new LogBook(id, { epoch: '', head: 0 }), behind);
      const sentAt = world.tick();
      // An empty body is not a complete export.
      const allowed = places.length === 0 ? '&allowIncomplete=true' : '';
      await importPlaces(site, tenancy, places, `?force=true${allowed}`);
      const { epoch, head } = await world.beginning(site, token);
      const next = new LogBook(id, { epoch, head }, log.forgottenUpTo);
      next.enter(places, { sentAt, knownAt: world.tick() });
      if (next.head !== head || head < log.head)
        throw new Error(`the head ${log.head} became ${head} by ${places.length}`);
      world.tenancies.set(id, { ...tenancy, log: next });
      await endedUnlessPaused(ending);
    },
  },
);

/** Waits until every request to the namespace was answered. */
const settle = command('settle', someNamespace, {
  run: (world, _site, namespace) => world.tenancies.get(namespace)!.log.answered(),
});

async function importPlaces(site: Site, { id, token }: Tenancy, places: readonly Place[], query: string) {
  const body = places.map(({ stream, position, globalPosition }) =>
    recordAt(`${stream}/${position}@${globalPosition}`),
  );
  const { text } = await site.request(token, `/import${query}`, { method: 'POST', body: ended(body.join('')) });
  const done = text.split('\n\n').find((event) => event.includes('"done":true'));
  if (done?.includes(`"imported":${places.length},`) !== true)
    throw new Error(`an import to ${id} was answered ${text}`);
}

/** Positions after the head of the log, with a gap of this size before each. */
function placesBehind(log: LogBook, wanted: readonly { stream: string; gap: number }[]): Place[] {
  const versions = new Map<string, number>();
  let { head } = log;
  return wanted.map(({ stream, gap }) => {
    const position = (versions.get(stream) ?? log.version(stream)) + 1 + gap;
    versions.set(stream, position);
    head += 1 + gap;
    return { stream, position, globalPosition: head };
  });
}

/** Resolves when these connections have ended; a paused reader cannot notice. */
export async function endedUnlessPaused(connections: World['connections']): Promise<void> {
  const reading = connections.filter(({ isPaused }) => !isPaused);
  await Promise.all(reading.map(({ client }) => client.waitFor(({ isClosed }) => isClosed, 'the end by the server')));
}

export const writeCommands: readonly fc.WeightedArbitrary<ModelCommand>[] = [
  { weight: 16, arbitrary: append },
  { weight: 1, arbitrary: repeat },
  { weight: 1, arbitrary: conflict },
  { weight: 3, arbitrary: importMessages },
  { weight: 1, arbitrary: replaceLog },
  { weight: 1, arbitrary: settle },
];
