import { StreamName } from '../../message/stream-name.ts';

const maxNames = 16_384;

/** Cache of recently read names, parsed and with their group hash, which costs more than the rest of a row (load: postgres-pages). */
export class StreamNames {
  readonly #names = new Map<string, StreamName>();

  of(text: string): StreamName {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    if (this.#names.size === maxNames) this.#names.clear();
    const name = new StreamName(text);
    this.#names.set(text, name);
    return name;
  }
}
