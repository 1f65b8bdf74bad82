import { byId } from '../common/element.js';
import { number, secondsSince } from '../common/format.js';

/** The badge that shows up to where every poke arrived, and when the server last confirmed that. */
export class Proof {
  #badge = byId('proof');
  #proof;
  #at = 0;

  constructor() {
    setInterval(() => this.#show(), 1_000);
  }

  /** Shows what a heartbeat proved; undefined: nothing yet. */
  take(proof) {
    const isOther = this.#proof?.isComplete !== proof?.isComplete;
    this.#proof = proof;
    this.#at = Date.now();
    this.#show();
    if (proof !== undefined) pulse(this.#badge);
    // Announced by screen readers only when it changes, not every few seconds.
    if (isOther && proof !== undefined) byId('proof-said').textContent = claimOf(proof);
  }

  #show() {
    this.#badge.hidden = this.#proof === undefined;
    if (this.#proof === undefined) return;
    this.#badge.dataset.tone = this.#proof.isComplete ? 'good' : 'danger';
    this.#badge.textContent = `${claimOf(this.#proof)} · ${secondsSince(this.#at)} ago`;
  }
}

function claimOf({ isComplete, head, sent, arrived }) {
  if (!isComplete) return `incomplete: ${number(arrived)} of ${number(sent)} pokes arrived`;
  return head === 0 ? 'complete, nothing to deliver yet' : `complete up to ${number(head)}`;
}

function pulse(badge) {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  for (const animation of badge.getAnimations()) animation.cancel();
  badge.animate([{ boxShadow: '0 0 0 0 currentColor' }, { boxShadow: '0 0 0 7px transparent' }], 900);
}
