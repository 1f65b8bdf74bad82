import type { Message, NewMessage } from '../../message/message.ts';
import type { AppendOutcome } from '../log.ts';
import { judgeIds, type Respelled } from '../shared/known-ids.ts';

/** An append waiting for its lane. */
export type PendingAppend = {
  readonly stream: string;
  readonly messages: readonly NewMessage[];
  readonly expectedVersion: number | undefined;
  /** Length of its payloads in UTF-16 units. */
  readonly units: number;
  /** Whether its insert was sent and may have been committed; a look-up of its ids decides. */
  isUnsure: boolean;
  readonly resolve: (outcome: AppendOutcome) => void;
  readonly reject: (error: unknown) => void;
};

/** State of a group's streams and ids in the log, read under the locks of their categories. */
export type Found = { readonly versions: Map<string, number>; readonly byId: ReadonlyMap<string, Message> };

/** An append whose ids are known, and which is a retry only if its payloads equal the stored ones. */
type Compared = {
  readonly outcome: 'compare';
  readonly respelled: readonly Respelled[];
  readonly known: AppendOutcome;
};

/** The appends of a group, sorted by the next step: insert, answer, compare, or postpone to the next group. */
export type Judged = {
  readonly inserts: PendingAppend[];
  readonly answers: Map<PendingAppend, AppendOutcome>;
  readonly compares: Map<PendingAppend, Compared>;
  readonly later: PendingAppend[];
};

/** Whether to look up its ids: the client supplied them, or an earlier attempt may have stored them. */
export function asksForIds(append: PendingAppend): boolean {
  return append.isUnsure || append.messages.some(({ given }) => given);
}

/** Whether it can be stored without looking at the log. */
export function isUnconditional(append: PendingAppend): boolean {
  return append.expectedVersion === undefined && !asksForIds(append);
}

/** Judges a group's appends in order. Advances `found.versions` for those to be inserted. */
export function judgeGroup(group: readonly PendingAppend[], { versions, byId }: Found): Judged {
  const judged: Judged = { inserts: [], answers: new Map(), compares: new Map(), later: [] };
  const inserted = new Set<string>();
  const postponed = new Set<string>();
  for (const append of group) {
    const { stream, expectedVersion } = append;
    // An id that this group is about to store has no position yet. Postponed appends keep the order of their stream.
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

/** The outcome of an append that an earlier attempt has stored. */
function asFirst(known: AppendOutcome): AppendOutcome {
  return known.outcome === 'known' ? { ...known, outcome: 'appended' } : known;
}
