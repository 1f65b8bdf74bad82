import { selects } from '../../src/message/selection.ts';
import { positionIn } from '../support/cursors.ts';
import type { ReceivedPoke, StreamEvent } from '../support/sse-client.ts';
import { type Expected, expectedOf, textOf } from './expectation.ts';
import type { Entry, LogBook } from './log-book.ts';
import { type ModelConnection, toldToAll } from './subscriber.ts';

/** A poke, or one that stands for several messages. */
type Told = ReceivedPoke & { readonly from?: number; readonly count?: number };

/** Throws if the events of a connection contradict its log; `isComplete`: nothing more is in flight. */
export function judge(connection: ModelConnection, isComplete: boolean): void {
  new Verdict(connection).give(isComplete);
}

/** Compares the events of one connection with its log. */
class Verdict {
  readonly #connection: ModelConnection;
  readonly #expected: readonly Expected[];
  #next = 0;
  #pokes = 0;
  #toldAny = false;
  /** Pokes of an incomplete round. */
  #round: Told[] = [];

  constructor(connection: ModelConnection) {
    const { facts, client } = connection;
    const hello = client.events[0]?.type === 'hello' ? client.events[0] : undefined;
    const cursor = hello === undefined ? undefined : positionIn(hello.lastEventId, facts.log.epoch);
    this.#connection = connection;
    this.#expected = expectedOf(facts, cursor);
  }

  give(isComplete: boolean): void {
    const { client, facts, isOwedAll, isCut } = this.#connection;
    const { events } = client;
    let at = 0;
    if (facts.wish.hello && events.length > 0) this.#judgeHello(events[at++]!);
    const { reset } = facts.start;
    if (facts.wish.hello && reset !== undefined && events.length > at) this.#judgeReset(events[at++]!);
    for (; at < events.length; at++) {
      const event = events[at]!;
      if (event.type === 'poke') this.#judgePoke(client.pokes[this.#pokes++]!);
      else if (event.type === 'heartbeat') this.#judgeHeartbeat(event);
      else if (event.type === 'end' && at === events.length - 1) this.#judgeEnd(event);
      else this.#fail(`was told ${event.type} ${event.data}`);
    }
    const isOwed = isOwedAll && client.isClosed && !isCut;
    if (isComplete || isOwed) {
      if (this.#round.length > 0) this.#fail(`was not told the end of a round of ${this.#round.length} pokes`);
      this.#passOver(Number.POSITIVE_INFINITY);
    } else this.#judgePartOfRound();
    if (client.isClosed && !isCut) this.#judgeClose(isOwed);
  }

  #fail(what: string): never {
    const { facts, client } = this.#connection;
    const near = this.#expected.slice(Math.max(0, this.#next - 2), this.#next + 3).map(({ entry }) => textOf(entry));
    throw new Error(
      `${facts.asked} (${JSON.stringify(facts.start)}, asked at ${facts.askedAt}) ${what}. ${this.#next} of ` +
        `${this.#expected.length} messages were told before; the log has there: ${near.join(', ') || 'nothing'}. ` +
        `Its last events are ${JSON.stringify(client.events.slice(-3)).slice(0, 600)}`,
    );
  }

  #judgeHello({ type, data, lastEventId }: StreamEvent): void {
    const { start, log, askedAt, readyAt } = this.#connection.facts;
    if (type !== 'hello') this.#fail(`was told ${type} before hello`);
    const { epoch, head } = JSON.parse(data);
    if (epoch !== log.epoch) this.#fail(`was told the epoch ${epoch} in place of ${log.epoch}`);
    // Messages whose request or answer was in flight may count; for all others it is certain. A connection that does
    // not start at the head is sent the head that its node knows.
    const least = start.atHead ? headOf(log, ({ knownAt }) => knownAt < askedAt) : log.firstHead;
    const most = headOf(log, ({ sentAt }) => sentAt < readyAt);
    if (head < least || head > most) this.#fail(`was told the head ${head}, which is not from ${least} to ${most}`);
    const cursor = start.atHead ? Math.max(head, start.after) : start.after;
    const canResume =
      start.reset === undefined && start.fromPosition === 0 && cursor <= head && cursor >= log.forgottenUpTo;
    const id = canResume ? cursor : undefined;
    if (positionIn(lastEventId, epoch) !== id)
      this.#fail(`was told in hello to begin behind "${lastEventId}" in place of "${id}"`);
  }

  #judgeReset({ type, data, lastEventId }: StreamEvent): void {
    const { start, log } = this.#connection.facts;
    if (type !== 'reset') this.#fail(`was told ${type} in place of reset`);
    const { reason, epoch, lost, replayFrom } = JSON.parse(data);
    const told = JSON.stringify({ reason, lost, epoch, replayFrom });
    const right = JSON.stringify({ ...start.reset, epoch: log.epoch, replayFrom: log.forgottenUpTo + 1 });
    if (told !== right) this.#fail(`was told the reset ${told} in place of ${right}`);
    // A forced import into a recreated namespace puts messages before the first position of that one.
    const isLeft = (this.#expected[0]?.entry.globalPosition ?? Number.POSITIVE_INFINITY) <= log.forgottenUpTo;
    const id = isLeft ? 0 : log.forgottenUpTo;
    if (positionIn(lastEventId, epoch) !== id)
      this.#fail(`was told in reset to resume after "${lastEventId}" instead of "${id}"`);
  }

  #judgePoke(told: Told): void {
    const { wish, log } = this.#connection.facts;
    const { conflated } = wish;
    const { epoch } = log;
    if (told.count !== undefined) {
      if (!conflated) this.#fail(`was told ${told.count} messages at once, and did not ask for it`);
      this.#round.push(told);
      if (positionIn(told.id, epoch) === told.globalPosition) this.#judgeRound();
      return;
    }
    if (this.#round.length > 0) this.#fail(`was told ${textOf(told)} in the middle of a round`);
    this.#passOver(told.globalPosition, told);
    const entry = this.#expected[this.#next]?.entry;
    if (entry === undefined || textOf(entry) !== textOf(told))
      this.#fail(`was told ${textOf(told)}, which is not next`);
    if (positionIn(told.id, epoch) !== told.globalPosition)
      this.#fail(`was told ${textOf(told)} with the id ${told.id}`);
    this.#next++;
    this.#toldAny = true;
  }

  /** Skips messages before this position, none of which may be required. */
  #passOver(globalPosition: number, told?: Told): void {
    for (; this.#next < this.#expected.length; this.#next++) {
      const { entry, need } = this.#expected[this.#next]!;
      if (entry.globalPosition >= globalPosition) return;
      if (need === 'may' || (need === 'if-first' && !this.#toldAny)) continue;
      this.#fail(`was not told ${textOf(entry)}${told === undefined ? '' : ` but ${textOf(told)}`}`);
    }
  }

  /** A round contains each stream once, and together covers everything up to its last poke. */
  #judgeRound(): void {
    const round = this.#round;
    const upTo = round.at(-1)!.globalPosition;
    const rest = this.#expected.slice(this.#next);
    const end = rest.findIndex(({ entry }) => entry.globalPosition > upTo);
    const covered = end === -1 ? rest : rest.slice(0, end);
    const streams = new Set(round.map(({ stream }) => stream));
    if (streams.size < round.length) this.#fail('was told a stream twice in a round');
    for (const told of round) this.#judgeCount(told, covered);
    const silent = covered.find(({ entry, need }) => need === 'must' && !streams.has(entry.stream.text));
    if (silent !== undefined) this.#fail(`was told a round up to ${upTo} without ${textOf(silent.entry)}`);
    const isSorted = round.every((told, at) => at === 0 || told.globalPosition > round[at - 1]!.globalPosition);
    if (!isSorted) this.#fail('was told a round out of order');
    this.#next += covered.length;
    this.#toldAny = true;
    this.#round = [];
  }

  /** In an incomplete round each poke is judged separately. */
  #judgePartOfRound(): void {
    const rest = this.#expected.slice(this.#next);
    for (const told of this.#round) {
      this.#judgeCount(
        told,
        rest.filter(({ entry }) => entry.globalPosition <= told.globalPosition),
      );
    }
  }

  #judgeCount(told: Told, covered: readonly Expected[]): void {
    const all = covered.filter(({ entry }) => entry.stream.text === told.stream);
    const musts = all.filter(({ need }) => need === 'must');
    const first = all.find(({ entry }) => entry.position === told.from);
    const last = all.find(({ entry }) => textOf(entry) === textOf(told));
    const isRight =
      told.count! >= musts.length &&
      told.count! <= all.length &&
      first !== undefined &&
      first.entry.position <= (musts[0]?.entry.position ?? first.entry.position) &&
      last !== undefined &&
      last.entry.position >= (musts.at(-1)?.entry.position ?? last.entry.position);
    if (!isRight) {
      const right = `${musts.length} to ${all.length} from ${all[0]?.entry.position} to ${all.at(-1)?.entry.position}`;
      this.#fail(`was told ${textOf(told)} for ${told.count} from ${told.from} on, of which the log has ${right}`);
    }
  }

  #judgeHeartbeat({ data, lastEventId }: StreamEvent): void {
    const { wish, log } = this.#connection.facts;
    if (!wish.heads) this.#fail('was told a heartbeat with a head, and did not ask for it');
    const { epoch, head, count } = JSON.parse(data);
    if (epoch !== log.epoch) this.#fail(`was told the epoch ${epoch} in a heartbeat in place of ${log.epoch}`);
    if (count !== this.#pokes) this.#fail(`was told a count of ${count} behind ${this.#pokes} pokes`);
    const isThere = log.entries.some(
      ({ stream, position, globalPosition }) => globalPosition === head && selects(wish.selection, stream, position),
    );
    if (head !== 0 && !isThere) this.#fail(`was told the head ${head}, where the log has nothing for it`);
    const upTo = positionIn(lastEventId, epoch);
    if (upTo !== undefined && upTo < head) this.#fail(`was told the head ${head} at ${lastEventId}`);
    // A heartbeat means that everything up to there was delivered.
    this.#passOver(Math.max(head, upTo ?? 0) + 1);
  }

  #judgeEnd({ data }: StreamEvent): void {
    const { facts, mayEnd } = this.#connection;
    const { code } = JSON.parse(data);
    if (!mayEnd.has(code)) this.#fail(`was told the end ${code}, for which there was no cause`);
    if (!facts.wish.hello && !toldToAll.includes(code)) this.#fail(`was told the end ${code}, and did not ask for it`);
  }

  #judgeClose(isOwed: boolean): void {
    const { client, facts, mayEnd } = this.#connection;
    if (mayEnd.size === 0) this.#fail('was ended without a cause');
    const isNamed = facts.wish.hello || [...mayEnd].every((code) => toldToAll.includes(code));
    if (isOwed && isNamed && client.events.at(-1)?.type !== 'end')
      this.#fail(`was not told why it ends: ${[...mayEnd]}`);
  }
}

function headOf({ entries, firstHead }: LogBook, counts: (entry: Entry) => boolean): number {
  return Math.max(firstHead, entries.findLast(counts)?.globalPosition ?? 0);
}
