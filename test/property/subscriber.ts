import type { Wishes } from '../../src/hub/starting-point.ts';
import { type Selection, selects } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { parseCursor, tagOf } from '../../src/sse/cursor.ts';
import type { FakeNode, Listening } from '../support/fake-node.ts';
import { FakeSink } from '../support/fake-sink.ts';
import { judgeHeard, type Place } from '../support/stream-verdict.ts';

/** One log of the namespace, until it is replaced. */
export type Log = { readonly epoch: string; readonly places: Place[]; head: number };

/** A subscriber's options. */
export type Wish = {
  readonly selection: Selection;
  readonly position: number;
  readonly wishes: Wishes;
};

type Connection = Listening & {
  readonly log: Log;
  /** Head of the log at the time of its request. */
  readonly headBefore: number;
  /** The id it sent; undefined: none. */
  readonly lastEventId: string | undefined;
};

/** A subscriber like an `EventSource`: when its connection ends, it reconnects to any node with its last event id. */
export class Subscriber {
  readonly #wish: Wish;
  readonly #connections: Connection[] = [];

  constructor(wish: Wish) {
    this.#wish = wish;
  }

  get #now(): Connection {
    return this.#connections.at(-1)!;
  }

  get sink(): FakeSink {
    return this.#now.sink;
  }

  get isClosed(): boolean {
    return this.#now.subscription.state.name === 'closed';
  }

  /** Whether it starts beyond the head, and so waits for the log to get there. */
  get isAhead(): boolean {
    const { subscription, log } = this.#now;
    return subscription.cursor > log.head;
  }

  get stateName(): string {
    return this.#now.subscription.state.name;
  }

  async connect(node: FakeNode, log: Log, room: number): Promise<void> {
    const { position, wishes, selection } = this.#wish;
    const lastEventId = this.#lastEventId;
    const headBefore = log.head;
    const listening = await node.subscribe(
      {
        selection: { ...selection, fromPosition: 0 },
        position,
        wishes,
        lastEventId: lastEventId === undefined ? undefined : parseCursor(lastEventId),
      },
      new FakeSink(room),
    );
    this.#connections.push({ ...listening, log, headBefore, lastEventId });
  }

  beat(): void {
    this.#now.subscription.beat();
  }

  /** The server ends it because its log is gone. */
  endOf(log: Log): void {
    if (this.#now.log === log) this.#now.subscription.end('log-replaced');
  }

  /** Throws if one of its connections received something that contradicts its log. The last one must have received everything. */
  judge(): void {
    for (const connection of this.#connections) this.#judge(connection);
  }

  get #lastEventId(): string | undefined {
    const ids = this.#connections.map(({ sink }) => sink.stream.lastEventId);
    return ids.findLast((id) => id !== '');
  }

  #judge(connection: Connection): void {
    const { log, sink, lastEventId } = connection;
    const { selection, position } = this.#wish;
    const from = isSingleStream(selection) && lastEventId === undefined ? position : 0;
    const placesOf = (wanted: Selection) =>
      log.places.filter(({ stream, position }) => selects(wanted, new StreamName(stream), position));
    judgeHeard({
      name: JSON.stringify({ ...this.#wish, connection: this.#connections.indexOf(connection), lastEventId }),
      events: sink.stream.events,
      pokes: sink.pokes,
      epoch: log.epoch,
      selected: placesOf({ ...selection, fromPosition: from }),
      named: placesOf({ ...selection, fromPosition: 0 }),
      after: this.#startOf(connection),
      isComplete: connection === this.#now,
    });
  }

  /** Global position after which it starts; undefined: at the head, whose position it does not know. */
  #startOf({ log, lastEventId, headBefore, sink }: Connection): number | undefined {
    const { selection, position } = this.#wish;
    if (lastEventId !== undefined) {
      const cursor = parseCursor(lastEventId);
      // An id of another log means nothing here, so this log is delivered completely.
      return cursor !== 'unknown' && cursor.tag === tagOf(log.epoch) ? cursor.globalPosition : 0;
    }
    if (isSingleStream(selection)) return 0;
    if (!selection.all) return Math.max(0, position - 1);
    const hello = sink.stream.events.find(({ type }) => type === 'hello');
    if (hello === undefined) return undefined;
    const { head } = JSON.parse(hello.data);
    if (head < headBefore) throw new Error(`it began at the head ${head}, which was ${headBefore} before it came`);
    return Math.max(head, position - 1);
  }
}

export function isSingleStream({ streams, categories }: Selection): boolean {
  return streams.length === 1 && categories.length === 0;
}
