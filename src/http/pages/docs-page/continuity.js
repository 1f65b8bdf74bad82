import { byId } from '../common/element.js';

const endings = {
  overloaded: 'The server takes on nobody now. The browser tries again.',
  'too-many-subscriptions': 'All subscriptions are taken. The browser tries again.',
  draining: 'The server stops. The browser reconnects and resumes.',
  stalled: 'The page read too slowly.',
  revoked: 'The token is no longer valid.',
  'namespace-deleted': 'The namespace was deleted.',
  'log-replaced': 'An import replaced the log. The browser reconnects and is sent all of the new one.',
  'log-forgotten': 'The store no longer holds what was still to be sent.',
  'backend-error': 'The store fails. The browser tries again.',
  'not-ready': 'The server is not ready. The browser tries again.',
};

const resets = {
  'other-epoch': 'The log is another one',
  'cursor-ahead': 'The log is another one',
  forgotten: 'The store no longer holds what you missed',
};

/** What a stream says beside its pokes: which log it tells, where it could not resume, and that nothing is missing. */
export class Continuity {
  /** Global position up to which everything was told, or need not be. */
  #upTo;
  /** Pokes of this connection. */
  #count;
  #beginsAfter;
  #epoch;
  #note;

  /** `note` shows a line among the pokes. */
  constructor(note) {
    this.#note = note;
  }

  /** Forgets the stream before. `beginsAfter` takes the head and gives the global position behind which the next one begins. */
  clear(beginsAfter) {
    this.#beginsAfter = beginsAfter;
    this.#epoch = undefined;
    this.#upTo = 0;
    byId('proof').hidden = true;
  }

  /** The browser gives its cursor back, which names its log; so a stream of the same log goes on where it was. */
  hello({ data }) {
    const { epoch, head } = JSON.parse(data);
    if (epoch !== this.#epoch) this.#upTo = this.#beginsAfter(head);
    this.#epoch = epoch;
    this.#count = 0;
  }

  reset({ data }) {
    const { reason, lost } = JSON.parse(data);
    this.#upTo = 0;
    const to = lost.to === null ? 'on' : `to ${lost.to}`;
    this.#note(`${resets[reason]}: ${lost.from} ${to} cannot be told. Told is what there is:`);
  }

  poke({ globalPosition }) {
    this.#upTo = globalPosition;
    this.#count++;
  }

  heartbeat({ data }) {
    const { head, count } = JSON.parse(data);
    const isWhole = head <= this.#upTo && count === this.#count;
    byId('proof').textContent = isWhole ? 'nothing missed' : `missed up to ${head}`;
    byId('proof').hidden = false;
  }

  end({ data }) {
    const { code } = JSON.parse(data);
    this.#note(endings[code] ?? code);
  }
}
