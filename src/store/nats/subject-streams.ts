import { StreamName } from '../../message/stream-name.ts';
import type { LogNames } from './subjects.ts';

const maxNames = 16_384;

/** Caches the streams of recently delivered subjects, parsed and with their group hash. */
export class SubjectStreams {
  readonly #names: LogNames;
  readonly #streams = new Map<string, StreamName>();

  constructor(names: LogNames) {
    this.#names = names;
  }

  of(subject: string): StreamName {
    const known = this.#streams.get(subject);
    if (known !== undefined) return known;
    if (this.#streams.size === maxNames) this.#streams.clear();
    const stream = new StreamName(this.#names.streamOf(subject));
    this.#streams.set(subject, stream);
    return stream;
  }
}
