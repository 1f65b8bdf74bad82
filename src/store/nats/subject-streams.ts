import type { Msg } from '@nats-io/transport-node';
import { StreamName } from '../../message/stream-name.ts';
import { isSame, subjectOf } from './delivery.ts';
import type { LogNames } from './subjects.ts';

const maxNames = 16_384;

type Known = { readonly subject: Uint8Array; readonly stream: StreamName };

/** Caches the streams of recently delivered subjects, parsed and with their group hash. */
export class SubjectStreams {
  readonly #names: LogNames;
  /** Length of the prefix that all subjects of the log share. */
  readonly #same: number;
  /**
   * Keyed by a hash of the subject's bytes; if two subjects have the same hash, the later one replaces the earlier one.
   */
  readonly #streams = new Map<number, Known>();

  constructor(names: LogNames) {
    this.#names = names;
    this.#same = names.everything.length - 1;
  }

  /** The stream of a delivered message. */
  of(message: Msg): StreamName {
    const subject = subjectOf(message);
    let hash = 0;
    for (let at = this.#same; at < subject.length; at++) hash = (Math.imul(hash, 31) + subject[at]!) | 0;
    const known = this.#streams.get(hash);
    if (known !== undefined && isSame(known.subject, subject, this.#same)) return known.stream;
    if (this.#streams.size === maxNames) this.#streams.clear();
    const stream = new StreamName(this.#names.streamOf(message.subject));
    // A copy, as the client's bytes lie in a chunk of its socket.
    this.#streams.set(hash, { subject: subject.slice(), stream });
    return stream;
  }
}
