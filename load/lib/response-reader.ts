/** Takes the body bytes of a response, which may be overwritten afterwards. */
export type BodySink = (bytes: Buffer, start: number, end: number) => void;

const carriageReturn = 0x0d;
const newline = 0x0a;

/** Reads the head of one endless response, and passes on its body without chunk framing. */
export class ResponseReader {
  /** Status of the response; 0 before its head arrived. */
  status = 0;
  readonly #body: BodySink;
  #head = '';
  #chunked = false;
  #chunkLeft = 0;
  // Digits of the current chunk size line.
  #sizeText = '';

  constructor(body: BodySink) {
    this.#body = body;
  }

  push(bytes: Buffer, start: number, end: number): void {
    const from = this.status === 0 ? this.#readHead(bytes, start, end) : start;
    if (from === end) return;
    if (this.#chunked) this.#readChunks(bytes, from, end);
    else this.#body(bytes, from, end);
  }

  #readHead(bytes: Buffer, start: number, end: number): number {
    const before = this.#head.length;
    this.#head += bytes.toString('latin1', start, end);
    const headEnd = this.#head.indexOf('\r\n\r\n');
    if (headEnd === -1) return end;
    const head = this.#head.slice(0, headEnd);
    this.#head = '';
    this.status = Number(head.slice(9, 12));
    this.#chunked = /^transfer-encoding: *chunked/im.test(head);
    return start + headEnd + 4 - before;
  }

  #readChunks(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#chunkLeft === 0) at = this.#readSize(bytes, at, end);
      else {
        const until = Math.min(end, at + this.#chunkLeft);
        this.#body(bytes, at, until);
        this.#chunkLeft -= until - at;
        at = until;
      }
    }
  }

  // Reads a size line, preceded by the previous chunk's line end.
  #readSize(bytes: Buffer, start: number, end: number): number {
    for (let at = start; at < end; at++) {
      const code = bytes[at]!;
      if (code === carriageReturn) continue;
      if (code !== newline) this.#sizeText += String.fromCharCode(code);
      else if (this.#sizeText !== '') {
        this.#chunkLeft = Number.parseInt(this.#sizeText, 16);
        this.#sizeText = '';
        return at + 1;
      }
    }
    return end;
  }
}
