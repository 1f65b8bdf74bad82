import { type Selection, selects } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';

/** The requests of one reader. */
export type Wish = {
  readonly name: string;
  readonly selection: Selection;
  readonly conflated: boolean;
  /** Whether its heartbeats include heads. */
  readonly heads: boolean;
  /** Whether it stops reading until its socket is full; it selects the streams with long frames. */
  readonly stalls: boolean;
};

/** Streams with long frames, so that a few thousand fill a socket. */
export const longStreams = [0, 1].map((number) => `long-${'"'.repeat(1_000)}${number}`);
/** All other streams; few, so that the server's memory per stream soon stops growing. */
export const streams = ['account', 'order', 'user'].flatMap((category) => [
  category,
  ...Array.from({ length: 12 }, (_, number) => `${category}-${number}${number % 4 === 0 ? '+part' : ''}`),
]);

const nothing: Selection = { all: false, streams: [], categories: [], group: null, fromPosition: 0 };
const plain = { conflated: false, heads: true, stalls: false };

/** The readers of one namespace, of every kind. */
export const wishes: readonly Wish[] = [
  { ...plain, name: 'a stream', selection: { ...nothing, streams: ['account-1'] } },
  { ...plain, name: 'a category', selection: { ...nothing, categories: ['account'] } },
  { ...plain, name: 'another', selection: { ...nothing, categories: ['order'] }, heads: false },
  ...[0, 1, 2].map((member) => ({
    ...plain,
    name: `member ${member} of 3`,
    selection: { ...nothing, categories: ['order'], group: { member, size: 3 } },
  })),
  { ...plain, name: 'streams', selection: { ...nothing, streams: ['account-2', 'order-3', 'user'] } },
  { ...plain, name: 'a mixture', selection: { ...nothing, streams: ['user-1'], categories: ['account', 'order'] } },
  {
    ...plain,
    name: 'conflated',
    selection: { ...nothing, categories: ['user', 'long'] },
    conflated: true,
    stalls: true,
  },
  {
    ...plain,
    name: 'long frames',
    selection: { ...nothing, streams: [longStreams[0]!], categories: ['user'] },
    stalls: true,
  },
  { ...plain, name: 'everything but long', selection: { ...nothing, categories: ['account', 'order', 'user'] } },
  { ...plain, name: 'all', selection: { ...nothing, all: true } },
];

/** The query of a wish, without credential and cursor. */
export function queryOf({ selection, conflated, heads }: Wish): URLSearchParams {
  const query = new URLSearchParams({ hello: 'true' });
  if (selection.all) query.append('all', 'true');
  for (const stream of selection.streams) query.append('stream', stream);
  for (const category of selection.categories) query.append('category', category);
  if (selection.group !== null) {
    query.append('consumer', String(selection.group.member));
    query.append('size', String(selection.group.size));
  }
  if (conflated) query.append('conflate', 'true');
  if (heads) query.append('heartbeat', 'head');
  return query;
}

const names = new Map<string, StreamName>();

/** Whether it selects this stream. */
export function wants({ selection }: Wish, stream: string): boolean {
  return selects(
    selection,
    names.getOrInsertComputed(stream, () => new StreamName(stream)),
    0,
  );
}
