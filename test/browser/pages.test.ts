import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { headerLinks } from '../../src/http/pages/header.ts';
import { launchBrowser } from '../support/browser.ts';
import { startTour, stops } from './page-tour.ts';

const axe = readFileSync(new URL('../../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8');

let browser: Browser;
let tour: Awaited<ReturnType<typeof startTour>>;
beforeAll(async () => {
  [browser, tour] = await Promise.all([launchBrowser(), startTour()]);
});
afterAll(async () => {
  await tour[Symbol.asyncDispose]();
  await browser.close();
});

/** Enough for every page except the reference, which repeats the same elements. */
const maxSteps = 60;

const standards = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Violations found by axe, one line each. */
function violationsOf(page: Page): Promise<string[]> {
  const options = { runOnly: standards, resultTypes: ['violations'], rules: { 'target-size': { enabled: true } } };
  return page.evaluate(`axe.run(${JSON.stringify(options)}).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) => id + ' ' + target + ': ' + failureSummary)))`);
}

/** The focused element: its description, whether its focus is visible, and whether it was focused before. */
type Focus = {
  readonly text: string;
  readonly isVisible: boolean;
  readonly isBody: boolean;
  readonly isKnown: boolean;
};

function focusOf(page: Page): Promise<Focus> {
  return page.evaluate(`(() => {
    const element = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const { top, bottom } = element.getBoundingClientRect();
    const hasRing = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2;
    window.walked ??= new WeakSet();
    const isKnown = walked.has(element);
    walked.add(element);
    return {
      text: element.tagName + ' ' + (element.ariaLabel ?? element.innerText ?? '').slice(0, 40) + ' #' + element.id,
      isVisible: hasRing && bottom > 0 && top < innerHeight,
      isBody: element === document.body,
      isKnown,
    };
  })()`);
}

/** The next Tab goes to the first element, wherever the focus is. */
function beginAtTop(page: Page): Promise<void> {
  return page.evaluate(
    "document.body.tabIndex = -1; document.body.focus(); document.body.removeAttribute('tabindex'); scrollTo(0, 0)",
  );
}

/** Runs axe in the light scheme on a wide screen, and in the dark scheme on a phone. */
async function check(page: Page): Promise<void> {
  await page.evaluate(`${axe}; 0`);
  const looks = [
    { colorScheme: 'light', width: 1280, height: 800 },
    { colorScheme: 'dark', width: 390, height: 844 },
  ] as const;
  for (const { colorScheme, ...size } of looks) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize(size);
    // Scrolled, a target could be half below the header.
    await page.evaluate('scrollTo(0, 0)');
    expect.soft(await violationsOf(page), colorScheme).toEqual([]);
  }
}

/** Tabs through the page: the first stop is a link to the content, and the focus is always visible. */
async function walk(page: Page): Promise<void> {
  await beginAtTop(page);
  await page.keyboard.press('Tab');
  expect((await focusOf(page)).text).toContain('Skip to content');
  await page.keyboard.press('Enter');
  expect(await page.evaluate('document.activeElement.id')).toBe('main');
  await beginAtTop(page);
  await page.evaluate('window.walked = new WeakSet()');
  for (let step = 0; step < maxSteps; step++) {
    await page.keyboard.press('Tab');
    const focus = await focusOf(page);
    if (focus.isBody) return;
    // An element focused twice before the end is a keyboard trap.
    expect.soft(focus).toMatchObject({ isVisible: true, isKnown: false });
  }
}

/** Checks the page on a phone: nothing overflows, and touch targets are large enough. */
async function measure(page: Page): Promise<void> {
  expect.soft(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
  const small = await page.evaluate(`[...document.querySelectorAll('button, input, select, nav a')]
    .filter((element) => element.checkVisibility())
    .map((element) => [element.ariaLabel ?? element.textContent, element.id, element.getBoundingClientRect().height])
    .filter(([, , height]) => height < 44)`);
  expect.soft(small).toEqual([]);
}

test('The links of the header have the same positions on every page.', async () => {
  await using context = await browser.newContext();
  await using page = await context.newPage();
  const places = new Set<string>();
  for (const stop of stops) {
    await page.goto(tour.urlOf(stop));
    const lefts = await page
      .locator('.pages a')
      .evaluateAll((links) => links.map((link) => link.getBoundingClientRect().left));
    expect(lefts).toHaveLength(headerLinks.length);
    places.add(lefts.join(' '));
  }
  expect(places.size).toBe(1);
});

test.each(stops)(
  'The page $name has no axe violations in either scheme, works with the keyboard, and fits a phone.',
  async (stop) => {
    await using context = await browser.newContext({ reducedMotion: 'reduce' });
    await using page = await context.newPage();
    await page.goto(tour.urlOf(stop));
    await stop.prepare(page);
    expect(await page.locator('.pages [aria-current=page]').count()).toBe(stop.isInHeader ? 1 : 0);
    await walk(page);
    await check(page);
    await measure(page);
  },
);
