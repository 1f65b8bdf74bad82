import type { Message, NewMessage } from '../../message/message.ts';
import type { AppendOutcome } from '../log.ts';
import { judgeIds, type Respelled } from '../shared/known-ids.ts';

/** An append that waits for its lane. */
export type PendingAppend = {
  readonly stream: string;
  readonly messages: readonly NewMessage[];
  readonly expectedVersion: number | undefined;
  /** UTF-16 units of its payloads. */
  readonly units: number;
  /** Its insert was sent and may have been committed; a look-up of its ids decides. */
  isUnsure: boolean;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
};

/** What is in the log of a group's streams and ids, under the locks of their categories. */
export type Found = { readonly versions: Map<string, number>; readonly byId: ReadonlyMap<string, Message> };

/** An append that can only be known again if its payloads mean what is stored. */
type Compared = {
  readonly outcome: 'compare';
  readonly respelled: readonly Respelled[];
  readonly known: AppendOutcome;
};

/** What a group's appends come to: those to insert, those that are answered, those to compare, those for the next group. */
export type Judged = {
  readonly inserts: PendingAppend[];
  readonly answers: Map<PendingAppend, AppendOutcome>;
  readonly compares: Map<PendingAppend, Compared>;
  readonly later: PendingAppend[];
};

/** Whether its ids must be looked up: a writer gave them, or an earlier try may have stored them. */
export function asksForIds(append: PendingAppend): boolean {
  return append.isUnsure || append.messages.some(({ given }) => given);
}

/** Whether it is stored whatever is in the log. */
export function isUnconditional(append: PendingAppend): boolean {
  return append.expectedVersion === undefined && !asksForIds(append);
}

/** Judges the appends of a group in their order; `found.versions` moves on with those that are to be inserted. */
export function judgeGroup(group: readonly PendingAppend[], { versions, byId }: Found): Judged {
  const judged: Judged = { inserts: [], answers: new Map(), compares: new Map(), later: [] };
  const inserted = new Set<string>();
  const postponed = new Set<string>();
  for (const append of group) {
    const { stream, expectedVersion } = append;
    // An id that an earlier append of the group stores has no place yet; what waits keeps the order of its stream.
    if (postponed.has(stream) || append.messages.some(({ id }) => inserted.has(id))) {
      postponed.add(stream);
      judged.later.push(append);
      continue;
    }
    const messages = append.isUnsure
      ? append.messages.map((message) => ({ ...message, given: true }))
      : append.messages;
    const known = judgeIds(
      stream,
      messages,
      (id) => byId.get(id),
      (respelled, knownOutcome): Compared => ({ outcome: 'compare', respelled, known: knownOutcome }),
    );
    const actual = versions.get(stream) ?? -1;
    if (known?.outcome === 'compare') judged.compares.set(append, known);
    else if (known !== undefined) judged.answers.set(append, append.isUnsure ? asFirst(known) : known);
    else if (expectedVersion !== undefined && expectedVersion !== actual) {
      judged.answers.set(append, { outcome: 'version-conflict', expected: expectedVersion, actual });
    } else {
      versions.set(stream, actual + append.messages.length);
      for (const { id } of append.messages) inserted.add(id);
      judged.inserts.push(append);
    }
  }
  return judged;
}

/** The outcome of an append that one of its earlier attempts has stored. */
function asFirst(known: AppendOutcome): AppendOutcome {
  return known.outcome === 'known' ? { ...known, outcome: 'appended' } : known;
}
