/** One event. `id`: undefined if the event has no id. */
export type StreamEvent = { readonly type: string; readonly data: string; readonly id: string | undefined };

/** Longer than any event of Pokewire. The longest assigns a partition with 100 held streams whose names have 1,024 bytes. */
const maxEventLength = 524_288;

/**
 * Parses an event stream in pieces of any size as the HTML standard requires (9.2.6), with one exception: an id belongs
 * to its event, because an event cut off by a lost connection must not move the cursor. `retryMs`: the last
 * reconnection time, 0 if there was none.
 */
export class EventStreamParser {
  retryMs = 0;
  /** Removes a byte order mark. */
  readonly #decoder = new TextDecoder();
  #rest = '';
  #isAfterCr = false;
  #type = '';
  #data: string[] = [];
  #length = 0;
  #id: string | undefined = undefined;

  /** Returns the events completed by these bytes; throws if an event exceeds the limit. */
  push(bytes: Uint8Array): StreamEvent[] {
    const events: StreamEvent[] = [];
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === '') return events;
    // The preceding CR already ended the line; this LF belongs to it.
    if (this.#isAfterCr) text = text.replace(/^\n/, '');
    this.#isAfterCr = text.endsWith('\r');
    const lines = (this.#rest + text).split(/\r\n?|\n/);
    this.#rest = lines.pop()!;
    for (const line of lines) this.#line(line, events);
    if (this.#length + this.#rest.length > maxEventLength) throw new RangeError('Endless event');
    return events;
  }

  #line(line: string, events: StreamEvent[]): void {
    if (line === '') {
      if (this.#data.length > 0)
        events.push({ type: this.#type || 'message', data: this.#data.join('\n'), id: this.#id });
      this.#type = '';
      this.#data = [];
      this.#length = 0;
      this.#id = undefined;
      return;
    }
    this.#length += line.length;
    const [field, ...rest] = line.split(':');
    const value = rest.join(':').replace(/^ /, '');
    if (field === 'data') this.#data.push(value);
    else if (field === 'event') this.#type = value;
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
    else if (field === 'retry' && /^\d+$/.test(value)) this.retryMs = Number(value);
  }
}
