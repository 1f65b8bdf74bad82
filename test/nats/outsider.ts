import { setTimeout as delay } from 'node:timers/promises';
import { connect, type NatsConnection } from '@nats-io/transport-node';

type Answer = { readonly error?: { readonly code: number; readonly err_code: number; readonly description: string } };

const leaderMs = 30_000;
const answerMs = 3_000;
const notFound = 404;
/** JetStream's number for a stream, or a cluster, without a leader. */
const noLeader = 10_008;
const consumerNotFound = 10_014;

/** JetStream answered that something does not exist. */
class NotFound extends Error {}

/** A NATS client with Pokewire's permissions that changes data like another program. Close it by `await using`. */
export class Outsider implements AsyncDisposable {
  readonly #connection: NatsConnection;

  private constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  /** Connects to one of these servers. */
  static async connect(servers: readonly { readonly host: string }[]): Promise<Outsider> {
    return new Outsider(await connect({ servers: servers.map(({ host }) => host), maxReconnectAttempts: -1 }));
  }

  /** Deletes every consumer of a stream; returns their number. Their own node may delete some of them first. */
  async deleteConsumers(stream: string): Promise<number> {
    const { consumers } = await this.#ask<{ consumers: string[] | null }>(`CONSUMER.NAMES.${stream}`);
    for (const name of consumers ?? []) await this.#ask(`CONSUMER.DELETE.${stream}.${name}`, {}, consumerNotFound);
    return consumers?.length ?? 0;
  }

  /** Deletes all messages of a stream. */
  async purge(stream: string): Promise<void> {
    await this.#ask(`STREAM.PURGE.${stream}`);
  }

  async deleteStream(stream: string): Promise<void> {
    await this.#ask(`STREAM.DELETE.${stream}`);
  }

  /** Writes a record of a bucket. */
  async put(bucket: string, key: string, text: string): Promise<void> {
    await this.publish(`$KV.${bucket}.${key}`, text);
  }

  /** Writes a message to the stream that has this subject. */
  async publish(subject: string, text: string): Promise<void> {
    await this.#connection.request(subject, text, { timeout: 10_000 });
  }

  /** Name of the stream of a namespace's log, with this prefix. Other streams may be leftovers of nodes that died. */
  async logOf(prefix: string, namespace = 'default'): Promise<string> {
    const which = { last_by_subj: `$KV.${prefix}.namespace.${namespace}` };
    const { message } = await this.#ask<{ message: { data: string } }>(`STREAM.MSG.GET.KV_${prefix}`, which);
    const record = JSON.parse(Buffer.from(message.data, 'base64').toString());
    return `${prefix}-${record.namespace.log}`;
  }

  /**
   * Changes the log of the default namespace. Repeated while its stream is not found: a node may replace the log at the same
   * time, and a server that has just started may not know it yet.
   */
  async changeLog(prefix: string, change: (log: string) => Promise<unknown>): Promise<void> {
    for (const deadline = performance.now() + leaderMs; ; await delay(250)) {
      try {
        await change(await this.logOf(prefix));
        return;
      } catch (error) {
        if (!(error instanceof NotFound) || performance.now() > deadline) throw error;
      }
    }
  }

  async createStream(name: string, subject: string): Promise<void> {
    await this.#ask(`STREAM.CREATE.${name}`, { name, subjects: [subject], storage: 'file' });
  }

  /** Names of the streams that have subjects of this pattern. */
  async streamsOf(subject: string): Promise<string[]> {
    const { streams } = await this.#ask<{ streams: string[] | null }>('STREAM.NAMES', { subject });
    return (streams ?? []).toSorted();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }

  /**
   * Repeats the request while there is no leader or no answer. An unanswered request may have been carried out, so its
   * target may be gone. `allowed`: number of an error that is as good as success.
   */
  async #ask<T>(what: string, body: object = {}, allowed?: number): Promise<T> {
    const deadline = performance.now() + leaderMs;
    for (let tries = 1; ; tries++) {
      const { answer, fault } = await this.#request<T & Answer>(what, body);
      const { error } = answer ?? {};
      if (answer !== undefined && (error === undefined || (tries > 1 && error.code === notFound))) return answer;
      if (answer !== undefined && error?.err_code === allowed) return answer;
      const mayRepeat = error === undefined || error.err_code === noLeader;
      if (!mayRepeat || performance.now() > deadline) {
        const text = `${what}: ${error?.description ?? 'no answer'}`;
        throw error?.code === notFound ? new NotFound(text) : new Error(text, { cause: fault });
      }
      await delay(100);
    }
  }

  async #request<T>(what: string, body: object): Promise<{ readonly answer?: T; readonly fault?: unknown }> {
    try {
      const request = this.#connection.request(`$JS.API.${what}`, JSON.stringify(body), { timeout: answerMs });
      return { answer: (await request).json<T>() };
    } catch (fault) {
      return { fault };
    }
  }
}
