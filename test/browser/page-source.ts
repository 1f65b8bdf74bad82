import type { Page } from 'playwright-core';
import { positionIn } from '../support/cursors.ts';

/** A poke as the page's `EventSource` dispatched it. */
export type PageEvent = { readonly data: string; readonly lastEventId: string };

/** An `EventSource` in a page of a real browser. Closes with its page. */
export class PageSource {
  readonly pokes: PageEvent[] = [];
  /** How often it connected. */
  opened = 0;
  readonly #waiting = new Set<() => void>();

  /** Subscribes within the page; resolves when the server's greeting has arrived. */
  static async open(page: Page, url: string): Promise<PageSource> {
    const source = new PageSource();
    await page.exposeFunction('tellOpen', () => source.#note(() => source.opened++));
    await page.exposeFunction('tellPoke', (event: PageEvent) => source.#note(() => source.pokes.push(event)));
    await page.evaluate(
      `window.source = new EventSource(${JSON.stringify(url)});
       source.onopen = () => tellOpen();
       source.addEventListener('poke', ({ data, lastEventId }) => tellPoke({ data, lastEventId }));`,
    );
    await source.until(() => source.opened === 1);
    return source;
  }

  /** The ids of the pokes as numbers. */
  get ids(): number[] {
    return this.pokes.map(({ lastEventId }) => positionIn(lastEventId)!);
  }

  /** Resolves as soon as the condition holds, which is checked after every event. */
  until(condition: () => boolean): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve) => {
      const look = () => {
        if (!condition()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  /** Resolves after this many pokes since the start. */
  untilPokes(count: number): Promise<void> {
    return this.until(() => this.pokes.length >= count);
  }

  #note(change: () => void): void {
    change();
    for (const look of [...this.#waiting]) look();
  }
}
