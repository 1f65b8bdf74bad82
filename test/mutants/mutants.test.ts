import { expect, test } from 'vitest';
import { type Mutation, testMutant } from './mutant.ts';

const tail = 'src/hub/log-tail.ts';
const fanOut = 'src/hub/log-fan-out.ts';
const start = 'src/hub/find-start.ts';

/** Safeguards against lost, duplicate and premature pokes, each removed by one textual change. */
const mutations: readonly (Mutation & { readonly title: string })[] = [
  {
    title: 'takes a page that begins ahead of its head',
    file: tail,
    from: '    else if (announcement.after > this.head) this.readOn();\n',
    to: '',
  },
  {
    title: 'trusts the head that an announcement names',
    file: tail,
    from: 'else if (announcement.after > this.head) this.readOn();',
    to: 'else if (announcement.after > this.head) this.#advance([], announcement.upTo);',
  },
  {
    title: 'tells what it has read and is announced then',
    file: tail,
    from: '      if (poke.globalPosition <= this.head) continue;\n',
    to: '',
  },
  {
    title: 'forgets a hint that comes while it reads',
    file: tail,
    from: '    this.#isBehind = true;\n    if (!this.#isReading) void this.#read();',
    to: '    if (this.#isReading) return;\n    this.#isBehind = true;\n    void this.#read();',
  },
  {
    title: 'does not look for what was not announced',
    file: 'src/hub/hub.ts',
    from: 'if (fanOut.subscriptions.size > 0) fanOut.look();',
    to: 'if (fanOut.subscriptions.size > 0) continue;',
  },
  {
    title: 'lets a subscription go live before the flush',
    file: fanOut,
    from: 'if (readFrom === head && this.flushedUpTo === head) this.#goLive(subscription);',
    to: 'if (readFrom === head) this.#goLive(subscription);',
  },
  {
    title: 'begins at the head that it knows',
    file: start,
    from: '? await tail.freshBounds()\n      : known',
    to: '? known\n      : known',
  },
  {
    title: 'reads the version of a stream behind the bounds',
    file: start,
    from: `  const version = needsVersion(request) ? await slots.run(log, () => log.version(request.selection.streams[0]!)) : -1;
  const known = tail.bounds!;
  // Read after the version, so that the message with that version is not beyond this head.
  const { selection } = request;
  const bounds = needsOwnBounds(request, known)
    ? await slots.run(log, () => log.bounds(selection))
    : needsFreshBounds(request, known.head)
      ? await tail.freshBounds()
      : known;
`,
    to: `  const known = tail.bounds!;
  // Read after the version, so that the message with that version is not beyond this head.
  const { selection } = request;
  const bounds = needsOwnBounds(request, known)
    ? await slots.run(log, () => log.bounds(selection))
    : needsFreshBounds(request, known.head)
      ? await tail.freshBounds()
      : known;
  const version = needsVersion(request) ? await slots.run(log, () => log.version(request.selection.streams[0]!)) : -1;
`,
  },
  {
    title: 'moves the cursor before the reset',
    file: 'src/hub/greeting.ts',
    from: 'reset === undefined ? resumeAfter : undefined',
    to: 'resumeAfter',
  },
  {
    title: 'resumes after messages that are left among deleted ones',
    file: 'src/hub/starting-point.ts',
    from: 'leftOver > 0 ? 0 : forgottenUpTo',
    to: 'forgottenUpTo',
  },
  {
    title: 'tells a head that is not delivered yet',
    file: fanOut,
    from: 'canResume ? this.flushedUpTo : undefined',
    to: 'canResume ? this.#tail.head : undefined',
  },
  {
    title: 'delivers a page to one that has gone on',
    file: 'src/hub/catch-up.ts',
    from: 'if (isAt(subscription, after)) {',
    to: "if (subscription.state.name === 'catching-up') {",
  },
  {
    title: 'serves from its window what lies before it',
    file: 'src/hub/poke-window.ts',
    from: '    if (after < this.after) return undefined;\n',
    to: '',
  },
];

const timeout = 300_000;

test('The unchanged copy of the code passes', { timeout }, async () => {
  expect(await testMutant(undefined)).toEqual([]);
});

test.each(mutations)('A hub that $title is caught', { timeout }, async (mutation) => {
  expect(await testMutant(mutation)).not.toEqual([]);
});
