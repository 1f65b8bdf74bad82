import { byId } from '../common/element.js';
import { clearFields, showAtField } from '../common/field-errors.js';
import { countText, number } from '../common/format.js';
import { noAnswer, refusalOf, refusalParts } from '../common/server-error.js';
import { planParts, planSentence } from './plan.js';

/** The form that plans a resize of the shown group and, after a plan, starts it. */
export class ResizeForm {
  #name;
  #size;
  /** The shown plan, if any. */
  #plan;
  #onResized;

  /** `onResized` is called after a resize was started or refused. */
  constructor(onResized) {
    this.#onResized = onResized;
    byId('resize-form').addEventListener('submit', (event) => {
      event.preventDefault();
      this.#ask();
    });
    byId('size').addEventListener('input', () => this.#clear());
    byId('resize').addEventListener('click', () => this.#resize());
  }

  /** Sets the shown group and its current number of partitions. */
  show(name, size) {
    const isOther = name !== this.#name;
    if (!isOther && size === this.#size) return;
    this.#name = name;
    this.#size = size;
    // The plan was made for another size or group.
    this.#clear();
    if (!isOther) return;
    byId('size').value = size;
    this.#answer([], false);
  }

  get #path() {
    return `groups/${encodeURIComponent(this.#name)}`;
  }

  async #ask() {
    const [name, size] = [this.#name, this.#size];
    const asked = byId('size').value.trim();
    this.#clear();
    this.#answer([], false);
    byId('plan-said').textContent = 'Counting streams and messages …';
    const isAsked = () => name === this.#name && size === this.#size && asked === byId('size').value.trim();
    try {
      const response = await fetch(`${this.#path}/plan?${new URLSearchParams({ size: asked })}`, { method: 'POST' });
      const answered = response.ok ? await response.json() : await refusalOf(response);
      if (!isAsked()) return;
      byId('plan-said').textContent = '';
      if (response.ok) this.#show(answered);
      else if (answered.field === 'size') showAtField(byId('size'), ...refusalParts(answered));
      else this.#answer(refusalParts(answered), true);
    } catch {
      if (isAsked()) this.#answer([noAnswer()], true);
    }
  }

  #show(plan) {
    this.#plan = plan;
    byId('plan-said').textContent = planSentence(plan, this.#size);
    byId('plan').replaceChildren(...planParts(plan, this.#size));
    byId('resize').hidden = plan.size === this.#size;
    byId('resize').textContent = `Resize to ${number(plan.size)}`;
  }

  #clear() {
    const hadFocus = document.activeElement === byId('resize');
    this.#plan = undefined;
    clearFields(byId('resize-form'));
    byId('plan-said').textContent = '';
    byId('plan').replaceChildren();
    byId('resize').hidden = true;
    if (hadFocus) byId('ask-plan').focus();
  }

  async #resize() {
    const { size } = this.#plan;
    const sentence = planSentence(this.#plan, this.#size);
    if (!confirm(`Resize ${this.#name} from ${countText(this.#size, 'partition')}? ${sentence}`)) return;
    try {
      const response = await fetch(`${this.#path}/resize`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ size }),
      });
      if (!response.ok) this.#answer(refusalParts(await refusalOf(response)), true);
      else
        this.#answer(
          [`Resizing to ${number(size)}: each new partition starts when the current owners have released its streams`],
          false,
        );
    } catch {
      this.#answer([noAnswer()], true);
    }
    await this.#onResized();
  }

  #answer(parts, isRefused) {
    if (isRefused) byId('plan-said').textContent = '';
    byId('resize-answer').classList.toggle('refused', isRefused);
    byId('resize-answer').replaceChildren(...parts);
  }
}
