/**
 * Whether somebody is using the list, so that its rows must not move: by the pointer or a finger, by the keyboard, further down,
 * or selecting text. Asked instead of followed, so that no missed event can leave the list standing still.
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
