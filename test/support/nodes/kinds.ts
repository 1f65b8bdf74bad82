import { longStreams, type Wish } from '../../../load/soak/wishes.ts';
import type { Selection } from '../../../src/message/selection.ts';

const nothing: Selection = { all: false, streams: [], categories: [], group: null, fromPosition: 0 };
const plain = { conflated: false, heads: true, stalls: false };

const streamsOf = (category: string, count: number) => Array.from({ length: count }, (_value, n) => `${category}-${n}`);

/** Streams of categories written by services only, by Pokewire only, and by both. */
export const foreignStreams = Array.from({ length: 6 }, (_value, n) => streamsOf(`foreign${n}`, 5)).flat();
export const ownStreams = Array.from({ length: 4 }, (_value, n) => streamsOf(`own${n}`, 5)).flat();
export const sharedStreams = Array.from({ length: 3 }, (_value, n) => streamsOf(`shared${n}`, 5)).flat();

/** Subscribers of every kind. */
export const kinds: readonly Wish[] = [
  { ...plain, name: 'a stream', selection: { ...nothing, streams: ['shared0-1'] } },
  { ...plain, name: 'a category', selection: { ...nothing, categories: ['foreign1'] }, heads: false },
  { ...plain, name: 'a shared category', selection: { ...nothing, categories: ['shared0'] } },
  ...[0, 1].map((member) => ({
    ...plain,
    name: `member ${member} of 2`,
    selection: { ...nothing, categories: ['shared1'], group: { member, size: 2 } },
  })),
  {
    ...plain,
    name: 'several selectors',
    selection: { ...nothing, streams: ['own0-2', 'foreign0-3'], categories: ['shared2', 'foreign2', 'own1'] },
  },
  { ...plain, name: 'all', selection: { ...nothing, all: true } },
  { ...plain, name: 'all, without heads', selection: { ...nothing, all: true }, heads: false },
  {
    ...plain,
    name: 'one that stalls',
    selection: { ...nothing, streams: [longStreams[0]!], categories: ['shared0'] },
    stalls: true,
  },
  {
    ...plain,
    name: 'conflated',
    selection: { ...nothing, streams: [longStreams[0]!], categories: ['foreign0', 'shared1'] },
    conflated: true,
    stalls: true,
  },
];
