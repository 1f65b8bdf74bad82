/**
 * Whether the list is in use, so that its rows must not move: by pointer, touch or keyboard, scrolled down, or with
 * text selected. The state is queried rather than tracked by events, so that a missed event cannot freeze the list.
 */
export class Hold {
  #list;
  #canHover = matchMedia('(hover: hover)');
  #isPressed = false;

  constructor(list) {
    this.#list = list;
    list.addEventListener('pointerdown', () => {
      this.#isPressed = true;
    });
    for (const name of ['pointerup', 'pointercancel']) {
      addEventListener(name, () => {
        this.#isPressed = false;
      });
    }
  }

  get isHeld() {
    const list = this.#list;
    if (this.#isPressed || list.scrollTop > 0 || list.contains(document.activeElement)) return true;
    if (this.#canHover.matches && list.matches(':hover')) return true;
    const selection = getSelection();
    return selection.type === 'Range' && selection.containsNode(list, true);
  }
}
