import { type Selection, selectionKey } from '../../src/message/selection.ts';
import { parseCursor } from '../../src/sse/cursor.ts';
import { SseClient } from '../support/sse-client.ts';
import { type Beginning, LogBook, type Place } from './log-book.ts';
import type { Site } from './site.ts';
import { startOf } from './start.ts';
import { type EndCode, ModelConnection, type Subscriber, type Wish } from './subscriber.ts';
import { judge } from './verdict.ts';

/** How a subscription authenticates. */
export const credentials = ['header', 'query', 'ticket'] as const;
export type Credential = (typeof credentials)[number];

/** A namespace, with its tokens and logs. */
export type Tenancy = {
  readonly id: string;
  /** The namespace's own token. */
  readonly token: string;
  readonly log: LogBook;
  /** A second token with scope read, valid until revoked. */
  readonly reader: { readonly token: string; readonly tokenId: string };
};

/** The model's knowledge: the logs according to the server's answers, and every connection ever made. */
export class World {
  readonly tenancies = new Map<string, Tenancy>();
  readonly subscribers: Subscriber[] = [];
  /** Errors of requests that nothing awaited. */
  readonly problems: unknown[] = [];
  /** Batches of long frames that may still be appended, each 400 KiB for every subscriber. */
  longBatchesLeft = 40;
  readonly #epochs = new Set<string>();
  #time = 0;
  #ids = 0;

  /** Advances the model's clock, which orders actions and observations. */
  tick(): number {
    return ++this.#time;
  }

  /** An unused message id. */
  newId(): string {
    return `00000000-0000-4000-8000-${String(++this.#ids).padStart(12, '0')}`;
  }

  get connections(): ModelConnection[] {
    return this.subscribers.flatMap(({ connections }) => connections);
  }

  /** Connections that neither side has ended. */
  get open(): ModelConnection[] {
    return this.connections.filter(({ isOpen }) => isOpen);
  }

  /** Connections that the server may hold, including those waiting for bytes before they are cut. */
  get held(): ModelConnection[] {
    return this.connections.filter(({ client }) => !client.isClosed);
  }

  /** Creates the namespace, which the server does not have yet. */
  async create(site: Site, id: string): Promise<void> {
    const { token } = await site.administer('ns.create', id);
    const reader = await site.administer('ns.token.create', id);
    this.tenancies.set(id, { id, token, reader, log: new LogBook(id, await this.beginning(site, token)) });
  }

  /** The namespace's new log; throws if its epoch is not new. */
  async beginning(site: Site, token: string): Promise<Beginning> {
    await using client = await SseClient.connect(site.writerPort, `/subscribe?all=true&hello=true&token=${token}`);
    await client.waitFor(({ events }) => events.length > 0, 'hello');
    const { epoch, head } = JSON.parse(client.events[0]!.data);
    if (this.#epochs.has(epoch)) throw new Error(`the epoch ${epoch} was one of another log before`);
    this.#epochs.add(epoch);
    return { epoch, head };
  }

  /** Appends without waiting for the answer, and records the answer. */
  append(site: Site, { id, token, log }: Tenancy, stream: string, messages: readonly unknown[]): void {
    const sentAt = this.tick();
    const request = site.append(token, stream, messages).then(
      ({ status, body, text }) => {
        if (status === 201) log.enter(placesOf(body), { sentAt, knownAt: this.tick() });
        else if (!log.isGone) throw new Error(`an append to ${id} was answered ${status} ${text}`);
      },
      (error: unknown) => {
        if (!log.isGone) throw error;
      },
    );
    log.track(request.catch((error: unknown) => void this.problems.push(error)));
  }

  /** Opens the subscriber's next connection and waits for its ready comment. */
  async connect(site: Site, subscriber: Subscriber, credential: Credential, withReader: boolean): Promise<void> {
    const { wish, last, epoch } = subscriber;
    const tenancy = this.tenancies.get(wish.namespace)!;
    const { log } = tenancy;
    const lastEventId = last.id === undefined ? undefined : parseCursor(last.id);
    if (lastEventId === 'unknown') throw new Error(`${wish.namespace} was told an id that is no cursor: ${last.id}`);
    // The meaning of an id of another log, or of a message not answered yet, depends on the head.
    const isBeyond = lastEventId !== undefined && lastEventId.globalPosition > log.head;
    if (last.id !== undefined && (last.log !== log || isBeyond)) await log.answered();
    const start = startOf(wish.selection, { position: wish.position, lastEventId, epoch }, log);
    // An import may put back messages that retention deleted; resuming after one of them is rightly a reset.
    const isBefore =
      start.reset?.reason === 'forgotten' &&
      log.entries.some(({ globalPosition }) => globalPosition === lastEventId?.globalPosition);
    if (last.log === log && start.reset !== undefined && !isBefore) {
      throw new Error(`${subscriber.connection.facts.asked} was told the id ${last.id}, behind which it cannot resume`);
    }
    const token = withReader ? tenancy.reader.token : tenancy.token;
    const idHeader: Record<string, string> = last.id === undefined ? {} : { 'last-event-id': last.id };
    const asked = `${wish.namespace} ${queryOf(wish, epoch)
      .toString()
      .replace(/(%22){9,}/g, '…')} behind ${last.id}`;
    for (;;) {
      const query = queryOf(wish, epoch);
      const headers = credential === 'header' ? { ...idHeader, authorization: `Bearer ${token}` } : idHeader;
      const ticket = credential === 'ticket' ? await ticketFor(site, token, wish.selection) : undefined;
      if (credential === 'query') query.append('token', token);
      if (ticket !== undefined) query.append('ticket', ticket);
      const askedAt = this.tick();
      const client = await SseClient.connect(site.port, `/subscribe?${query}`, { headers });
      if (client.head.status !== 200) throw new Error(`${asked} was answered ${client.head.status} ${client.bytes}`);
      const isReady = () => client.comments.includes(' ready');
      await client.waitFor(({ isClosed }) => isReady() || isClosed, 'the ready comment');
      if (isReady()) {
        const tokenId = withReader ? tenancy.reader.tokenId : undefined;
        const facts = { client, wish, start, log, askedAt, readyAt: this.tick(), tokenId, asked };
        subscriber.connections.push(new ModelConnection(facts));
        return;
      }
      if (!site.isUnreliable) throw new Error(`${asked} was refused: ${client.bytes}`);
    }
  }

  /**
   * Records that the server will end these connections. If all subscriptions are live, the node has read the log and
   * nothing is in flight, they must receive everything first.
   */
  expectEnd(site: Site, connections: readonly ModelConnection[], code: EndCode): void {
    for (const connection of connections) {
      connection.mayEnd.add(code);
      const { wasPaused, facts } = connection;
      const { log } = facts;
      connection.isOwedAll = !wasPaused && site.everybodyIsLive && !log.hasPending && site.hasRead(log);
    }
  }

  /** Throws if a connection received something that contradicts its log, or if a request failed. All must be answered. */
  check(): void {
    if (this.problems.length > 0) throw this.problems[0];
    for (const connection of this.connections) judge(connection, false);
  }

  /** Drops every connection. */
  async close(): Promise<void> {
    for (const { client } of this.connections) client.destroy();
    await Promise.all(this.connections.map(({ client }) => client.closed));
  }
}

/** The positions reported by an append's answer. */
export function placesOf(answer: { stream: string; position: number; globalPosition: number; count: number }): Place[] {
  const { stream, position, globalPosition, count } = answer;
  return Array.from({ length: count }, (_, number) => {
    const before = count - 1 - number;
    return { stream, position: position - before, globalPosition: globalPosition - before };
  });
}

function queryOf(wish: Wish, epoch: string | undefined): URLSearchParams {
  const { all, streams, categories, group } = wish.selection;
  const query = new URLSearchParams(all ? { all: 'true' } : {});
  for (const stream of streams) query.append('stream', stream);
  for (const category of categories) query.append('category', category);
  if (group !== null) {
    query.append('consumer', String(group.member));
    query.append('size', String(group.size));
  }
  if (wish.position > 0) query.append('position', String(wish.position));
  if (wish.hello) query.append('hello', 'true');
  if (wish.heads) query.append('heartbeat', 'head');
  if (wish.conflated) query.append('conflate', 'true');
  if (epoch !== undefined) query.append('epoch', epoch);
  return query;
}

async function ticketFor(site: Site, token: string, selection: Selection): Promise<string> {
  const { all, streams, categories, group } = selection;
  const body = {
    ...(all ? { all } : {}),
    ...(streams.length > 0 ? { stream: streams } : {}),
    ...(categories.length > 0 ? { category: categories } : {}),
    ...(group === null ? {} : { consumer: group.member, size: group.size }),
  };
  const init = { method: 'POST', body: JSON.stringify(body), type: 'application/json' };
  const { status, body: answer, text } = await site.requestReader(token, '/subscribe/ticket', init);
  // A node without its store cannot authenticate.
  if (status >= 500 && site.isUnreliable) return ticketFor(site, token, selection);
  if (status !== 201) throw new Error(`a ticket for ${selectionKey(selection)} was answered ${status} ${text}`);
  return answer.ticket;
}
