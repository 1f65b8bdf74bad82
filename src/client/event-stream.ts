/** One event. `id` is undefined if the event has none of its own. */
export type StreamEvent = { readonly type: string; readonly data: string; readonly id: string | undefined };

/** Longer than any event of Pokewire: the longest one assigns a partition that holds 100 streams with names of 1,024 bytes. */
const maxEventLength = 524_288;

/**
 * Parses an event stream as the HTML standard says (9.2.6), in pieces of any size, except that an id belongs to its event:
 * a cursor must not move by an event that a cut left unfinished. `retryMs` is the last reconnection time, 0 before the first.
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

  /** Returns the events that these bytes complete; throws when an event exceeds the limit. */
  push(bytes: Uint8Array): StreamEvent[] {
    const events: StreamEvent[] = [];
    let text = this.#decoder.decode(bytes, { stream: true });
    if (text === '') return events;
    // The CR before was dispatched as the end of its line; this LF is the other half of it.
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
