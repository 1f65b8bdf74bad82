import { byId } from '../common/element.js';
import { number } from '../common/format.js';
import { Follow } from './follow.js';
import { maxRows } from './message-list.js';
import { readUp } from './reads.js';

/** Milliseconds between two reads, so that thousands of pokes per second cost a few reads. */
const everyMs = 250;

const texts = {
  off: ['idle', ''],
  connecting: ['wait', 'connecting'],
  live: ['good', 'live'],
  paused: ['idle', 'paused'],
  away: ['wait', 'reconnecting'],
  ended: ['danger', 'ended'],
};

/**
 * Follows the stream that is shown: `off`, or a subscription that can be paused. Pokes only show up to which position
 * messages exist; messages are read a few times per second, unless the list is held.
 */
export class Live {
  #list;
  #handlers;
  #follow;
  #stream;
  #state = 'off';
  #isPaused = false;
  /** The first position not shown yet, and the last position poked. */
  #next = 0;
  #last = -1;
  #timer;
  #isReading = false;
  #hasFailed = false;

  /** `onAdded` gets the newest message; `failed` gets an error, or undefined once reading works again. */
  constructor(list, { onAdded, onOtherLog, failed }) {
    this.#list = list;
    this.#handlers = { onAdded, onOtherLog, failed };
    byId('new').addEventListener('click', () => {
      this.#isPaused = false;
      this.#list.close();
      byId('messages').scrollIntoView({ block: 'nearest' });
      byId('follow').focus();
      this.#read();
    });
    this.#tell();
  }

  get isOn() {
    return this.#follow !== undefined;
  }

  /** Follows from a position on. */
  start(stream, position) {
    this.stop();
    this.#stream = stream;
    this.#next = position;
    this.#last = position - 1;
    this.#follow = new Follow(stream, position, {
      onState: (state, sentence) => this.#become(state, sentence),
      onPoke: (at) => {
        this.#last = Math.max(this.#last, at);
        this.schedule();
      },
      onOtherLog: this.#handlers.onOtherLog,
    });
    this.#become('connecting');
  }

  stop() {
    this.#follow?.close();
    this.#follow = undefined;
    this.#isPaused = false;
    this.#hasFailed = false;
    this.#last = this.#next - 1;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#become('off');
  }

  /** Pauses or resumes. */
  toggle() {
    this.#isPaused = !this.#isPaused;
    this.schedule();
    this.#tell();
  }

  /** Schedules a read; further calls before it have no effect. */
  schedule() {
    if (!this.isOn) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#isWaiting || this.#last < this.#next) this.#tell();
      else this.#read();
    }, everyMs);
  }

  async #read() {
    const follow = this.#follow;
    const upTo = this.#last;
    // If there are more than the list keeps, reads only the newest.
    const from = Math.max(this.#next, upTo - maxRows + 1);
    if (follow === undefined || upTo < from || this.#isReading) return this.#tell();
    this.#isReading = true;
    try {
      const messages = (await readUp(this.#stream, from, maxRows)).toReversed();
      if (follow === this.#follow) this.#add(messages, from, upTo);
    } catch (error) {
      if (follow === this.#follow) this.#failed(error);
    } finally {
      this.#isReading = false;
      // Reads the pokes that arrived in the meantime, even for another stream. A failed read is retried at the next
      // poke.
      if (!this.#hasFailed) this.schedule();
      this.#tell();
    }
  }

  /** Shows the messages from a position up to `upTo`, the last one poked, unless the list is held in the meantime. */
  #add(messages, from, upTo) {
    if (this.#hasFailed) this.#failed(undefined);
    if (this.#isWaiting) return;
    if (from > this.#next) this.#list.clear();
    // Missing messages between the poked ones were erased in the meantime.
    this.#next = Math.max(upTo, messages[0]?.position ?? 0) + 1;
    this.#last = Math.max(this.#last, this.#next - 1);
    this.#list.add(messages);
    if (messages.length > 0) this.#handlers.onAdded(messages[0]);
  }

  #failed(error) {
    this.#hasFailed = error !== undefined;
    this.#handlers.failed(error);
  }

  get #isWaiting() {
    return this.#isPaused || this.#list.isHeld;
  }

  #become(state, sentence) {
    this.#state = state;
    if (state === 'ended') {
      this.#follow = undefined;
      this.#handlers.failed(new Error(sentence));
    }
    this.#tell();
  }

  #tell() {
    const isPaused = this.isOn && this.#isPaused;
    const [tone, text] = texts[isPaused && this.#state === 'live' ? 'paused' : this.#state];
    byId('live-state').dataset.tone = tone;
    byId('live-state').textContent = text;
    byId('live-state').hidden = this.#state === 'off';
    byId('follow').textContent = !this.isOn ? 'Follow live' : isPaused ? 'Resume' : 'Pause';
    byId('follow').classList.toggle('primary', !this.isOn);
    const waiting = this.#last - this.#next + 1;
    byId('new').hidden = waiting <= 0;
    byId('new').textContent = `${number(waiting)} new ↑`;
  }
}
