import { byId, element } from '../common/element.js';
import { clockTime } from '../common/format.js';

/** For each state: the word, its tone, the text of an empty list, and the tab's icon. */
const states = {
  idle: {
    word: 'not subscribed',
    tone: 'idle',
    empty: 'No pokes yet. Subscribe, then append a message.',
    icon: 'common/icon.svg',
  },
  connecting: { word: 'connecting', tone: 'wait', empty: 'Connecting…', icon: 'common/icon.svg' },
  open: {
    word: 'open',
    tone: 'good',
    empty: 'Subscribed. Append a message: its poke appears here.',
    icon: 'docs/icon-open.svg',
  },
  reconnecting: {
    word: 'reconnecting',
    tone: 'wait',
    empty: 'The connection is lost. The page tries again by itself.',
    icon: 'docs/icon-lost.svg',
  },
  refused: {
    word: 'refused',
    tone: 'danger',
    empty: 'The server refused the subscription. The form says why.',
    icon: 'docs/icon-lost.svg',
  },
};

/** Shows the subscription's state in the header, title and tab icon, with the seconds until the next attempt. */
export class ConnectionState {
  #word = element('span', { className: 'status', role: 'status' });
  #since = element('span');
  #next = element('span');
  #retry = element('button', { type: 'button', className: 'small' }, 'Retry now');
  #title = document.title;
  #state = { name: 'idle' };

  constructor(retryNow) {
    this.#retry.addEventListener('click', retryNow);
    const times = element('span', { className: 'times' }, this.#since, this.#next);
    byId('top-state').replaceChildren(this.#word, times, this.#retry);
    setInterval(() => this.#showTimes(), 1_000);
    this.show(this.#state);
  }

  show(state) {
    this.#state = state;
    const { word, tone, empty, icon } = states[state.name];
    this.#word.dataset.tone = tone;
    this.#word.textContent = word;
    byId('no-pokes').textContent = empty;
    document.title = state.name === 'idle' ? this.#title : `${word} – ${this.#title}`;
    document.querySelector('link[rel="icon"]').href = icon;
    this.#showTimes();
  }

  #showTimes() {
    const { since, nextTryAt } = this.#state;
    const seconds = nextTryAt === undefined ? undefined : Math.ceil((nextTryAt - Date.now()) / 1_000);
    this.#since.textContent = since === undefined ? '' : `since ${clockTime(since)}`;
    if (seconds === undefined) this.#next.textContent = '';
    else this.#next.textContent = seconds > 0 ? `next try in ${seconds} s` : 'trying now';
    this.#retry.hidden = nextTryAt === undefined;
  }
}
