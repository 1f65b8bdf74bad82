import { curlCommand, curlLine } from '../common/curl-line.js';
import { byId } from '../common/element.js';
import { countText, number } from '../common/format.js';
import { hashOf, pathPart } from '../common/place.js';
import { Live } from './live.js';
import { MessageList, timeText } from './message-list.js';
import { describeStream, pageSize, readDown } from './reads.js';

/** Newer messages shown above the one that a link names. */
const shownAbove = 5;

/** The messages of the stream named in the address, page by page, and new ones as they arrive. */
export class StreamView {
  #stream;
  #summary;
  #list;
  #live;
  #asking = new AbortController();

  constructor() {
    this.#list = new MessageList(byId('messages'), {
      onOpened: (position) => {
        if (this.#stream !== undefined) history.replaceState(null, '', hashOf(this.#stream, position));
      },
      onReleased: () => this.#live.schedule(),
    });
    this.#live = new Live(this.#list, {
      onAdded: (newest) => this.#grow(newest),
      onOtherLog: () => this.#startOver(),
      failed: (error) => this.#fail(error),
    });
    byId('follow').addEventListener('click', () => this.follow());
    byId('newest').addEventListener('click', () => this.#go(Number.MAX_SAFE_INTEGER));
    byId('newer').addEventListener('click', () => this.#go(this.#list.newest + pageSize));
    byId('older').addEventListener('click', () => this.#go(this.#list.oldest - 1));
  }

  /** Shows the newest messages of a stream, or those around a position; undefined: none. Returns false if that failed or was superseded. */
  async show(stream, position) {
    if (stream === this.#stream && position !== undefined && this.#list.open(position)) return true;
    this.#live.stop();
    this.#stream = stream;
    byId('no-stream').hidden = stream !== undefined;
    byId('stream').hidden = stream === undefined;
    document.body.classList.toggle('has-stream', stream !== undefined);
    if (stream === undefined) return false;
    byId('stream-title').textContent = stream;
    const url = (path) => new URL(path, document.baseURI);
    byId('curl').replaceChildren(
      curlLine(curlCommand(url(`streams/${pathPart(stream)}/messages`))),
      curlLine(curlCommand(url(`subscribe?${new URLSearchParams({ stream })}`), ['-N'])),
    );
    this.#summary = undefined;
    this.#list.clear();
    const isShown = await this.#load(async (signal) => {
      const summary = await describeStream(stream, signal);
      if (!signal.aborted) this.#summary = summary;
      const upTo = Math.min(
        summary?.version ?? -1,
        position === undefined ? Number.POSITIVE_INFINITY : position + shownAbove,
      );
      return upTo < 0 ? [] : readDown(stream, upTo, signal);
    });
    if (isShown && position !== undefined && !this.#list.open(position)) {
      this.#fail(new Error(`The stream has no message at position ${position}.`));
    }
    return isShown;
  }

  /** Follows the stream live; if it already does, pauses or resumes. */
  async follow() {
    if (this.#stream === undefined) return;
    if (this.#live.isOn) return this.#live.toggle();
    await this.#restart();
  }

  async #restart() {
    const stream = this.#stream;
    if (await this.show(stream)) this.#live.start(stream, this.#version + 1);
  }

  /** Position of the stream's last message, including deleted ones. */
  get #version() {
    return this.#summary?.version ?? -1;
  }

  /** Shows another page of the stream. If there is none, the current one stays. */
  async #go(upTo) {
    this.#live.stop();
    const isShown = await this.#load(async (signal) => {
      const page = await readDown(this.#stream, Math.min(this.#version, upTo), signal);
      if (page.length === 0) throw new Error('There are no older messages.');
      return page;
    });
    if (isShown) byId('messages').querySelector('.row').focus();
  }

  /** Shows the result of `read`. Returns false if it failed, or something else was requested in the meantime. */
  async #load(read) {
    this.#asking.abort();
    this.#asking = new AbortController();
    const { signal } = this.#asking;
    this.#fail(undefined);
    try {
      const messages = await read(signal);
      if (signal.aborted) return false;
      this.#list.show(this.#stream, messages);
    } catch (error) {
      if (!signal.aborted) this.#fail(error);
      return false;
    } finally {
      if (!signal.aborted) this.#tell();
    }
    return true;
  }

  /** Records messages appended while the page was open. */
  #grow({ position, time }) {
    const { version = -1, messageCount = 0 } = this.#summary ?? {};
    this.#summary = { version: position, messageCount: messageCount + position - version, lastActivity: time };
    this.#tell();
  }

  #tell() {
    const { newest, oldest } = this.#list;
    byId('newest').disabled = newest === undefined || newest >= this.#version;
    byId('newer').disabled = byId('newest').disabled;
    byId('older').disabled = oldest === undefined || oldest === 0;
    byId('paging').hidden = byId('newer').disabled && byId('older').disabled;
    const { version, messageCount, lastActivity } = this.#summary ?? {};
    byId('facts').textContent =
      version === undefined
        ? 'no messages'
        : `version ${number(version)} · ${countText(messageCount, 'message')} · last ${timeText(lastActivity)}`;
  }

  /** The log was replaced, so the shown messages belong to the previous one. */
  async #startOver() {
    await this.#restart();
    this.#fail(new Error('The log was replaced by another one. The messages below are from the new log.'));
  }

  #fail(error) {
    byId('problem').hidden = error === undefined;
    byId('problem').textContent = error?.message ?? '';
  }
}
