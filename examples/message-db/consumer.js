import pg from 'pg';

const batchSize = 1_000;
/** The position is recorded after this many messages, as in Eventide; after a crash, that many may be handled again. */
const positionUpdateInterval = 100;

/**
 * A consumer of a category that stores its position like Eventide: as `Recorded` in the stream
 * `account:position-example`.
 */
export class Consumer {
  #client;
  #category;
  #positionStream;
  #unrecorded = 0;
  /** Global position of the next message to read. */
  next = 1;
  queries = 0;

  constructor(client, category) {
    this.#client = client;
    this.#category = category;
    this.#positionStream = `${category}:position-example`;
  }

  /** Connects and continues after the last recorded position. */
  static async start(databaseUrl, category) {
    const client = new pg.Client({
      connectionString: databaseUrl,
      options: '-c search_path=message_store,public',
      application_name: 'example',
    });
    await client.connect();
    const consumer = new Consumer(client, category);
    const [last] = await consumer.#query('SELECT * FROM get_last_stream_message($1)', [consumer.#positionStream]);
    if (last !== undefined) consumer.next = JSON.parse(last.data).position + 1;
    return consumer;
  }

  /** Handles new messages, and returns their number. */
  async readOn() {
    let handled = 0;
    for (;;) {
      const values = [this.#category, this.next, batchSize];
      const messages = await this.#query('SELECT * FROM get_category_messages($1, $2, $3)', values);
      for (const message of messages) {
        this.#handle(message);
        this.next = Number(message.global_position) + 1;
        handled++;
        if (++this.#unrecorded === positionUpdateInterval) await this.recordPosition();
      }
      if (messages.length < batchSize) return handled;
    }
  }

  /** Records the position if it has changed. */
  async recordPosition() {
    if (this.#unrecorded === 0) return;
    this.#unrecorded = 0;
    const data = JSON.stringify({ position: this.next - 1 });
    await this.#query("SELECT write_message($1, $2, 'Recorded', $3)", [
      crypto.randomUUID(),
      this.#positionStream,
      data,
    ]);
  }

  async stop() {
    await this.recordPosition();
    await this.#client.end();
  }

  /** Your handler. It may be called again for the last messages, so it must be idempotent, as in Eventide. */
  #handle({ stream_name, position, type }) {
    console.log(`${type} ${stream_name}@${position}`);
  }

  async #query(text, values) {
    this.queries++;
    return (await this.#client.query(text, values)).rows;
  }
}

/** Aborted by Ctrl+C and SIGTERM. */
export function stopSignal() {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => controller.abort());
  return controller.signal;
}
