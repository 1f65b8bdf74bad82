import { byId } from './element.js';

const endings = {
  draining: 'The server stops. The browser reconnects and resumes.',
  stalled: 'The page read too slowly.',
  revoked: 'The token is no longer valid.',
  'namespace-deleted': 'The namespace was deleted.',
  'log-replaced': 'An import replaced the log.',
  'store-failed': 'The log could not be read. The browser reconnects and resumes.',
};

const resets = {
  'other-epoch': 'The log is another one',
  'cursor-ahead': 'The log is another one',
  forgotten: 'The store no longer holds what you missed',
};

/** What a stream says beside its pokes: which log it tells, where it could not resume, and that nothing is missing. */
export class Continuity {
  #epoch;
  #upTo;
  #note;

  /** `note` shows a line among the pokes. */
  constructor(note) {
    this.#note = note;
  }

  /** Forgets the stream before. */
  clear() {
    this.#epoch = undefined;
    this.#upTo = 0;
    byId('proof').hidden = true;
  }

  /** Whether it is the log of the stream before. The browser resumes at its cursor, which says nothing about another one. */
  hello({ data, lastEventId }) {
    const { epoch } = JSON.parse(data);
    const isSame = this.#epoch === undefined || this.#epoch === epoch;
    if (!isSame) this.#note('The log is another one. Told from its beginning:');
    this.#epoch = epoch;
    this.#upTo = Number(lastEventId);
    return isSame;
  }

  reset({ data }) {
    const { reason, lost } = JSON.parse(data);
    const to = lost.to === null ? 'on' : `to ${lost.to}`;
    this.#note(`${resets[reason]}: ${lost.from} ${to} cannot be told. Told is what there is:`);
  }

  poke({ globalPosition }) {
    this.#upTo = globalPosition;
  }

  heartbeat({ data }) {
    const { head } = JSON.parse(data);
    byId('proof').textContent = head <= this.#upTo ? 'nothing missed' : `missed up to ${head}`;
    byId('proof').hidden = false;
  }

  end({ data }) {
    const { code } = JSON.parse(data);
    this.#note(endings[code] ?? code);
  }
}
