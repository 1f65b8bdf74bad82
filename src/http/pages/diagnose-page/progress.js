import { byId } from '../common/element.js';

/** Duration of all checks except the silence, in seconds. */
const othersSeconds = 5;

/** Duration of a run with this silence, in seconds. */
export const runSeconds = (silenceSeconds) => othersSeconds + silenceSeconds;

/** Progress of a run, by its expected duration. */
export class Progress {
  #startMs = performance.now();
  #totalMs;
  #timer;

  constructor(silenceSeconds) {
    this.#totalMs = runSeconds(silenceSeconds) * 1000;
    byId('progress').max = this.#totalMs;
    byId('progress').hidden = false;
    this.#show();
    this.#timer = setInterval(() => this.#show(), 500);
  }

  end() {
    clearInterval(this.#timer);
    byId('progress').hidden = true;
    byId('left').textContent = '';
  }

  #show() {
    const passedMs = performance.now() - this.#startMs;
    const leftSeconds = Math.ceil((this.#totalMs - passedMs) / 1000);
    byId('progress').value = Math.min(passedMs, this.#totalMs);
    byId('left').textContent = leftSeconds > 0 ? `about ${leftSeconds} s left` : 'almost done';
  }
}
