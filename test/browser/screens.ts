import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';
import { startTour, stops } from './page-tour.ts';
import { pictureName, schemes, screensIndex, sizes } from './screens-index.ts';

// Screenshots of every page in three sizes and both schemes, for review after a change, and a page that shows them:
// node test/browser/screens.ts [FOLDER]
const folder = new URL(`${process.argv[2] ?? 'docs/screens'}/`, `file://${process.cwd()}/`);

/** Converts to WebP, which takes a third of the size of PNG, because Playwright cannot write it. */
async function picture(page: Page): Promise<Buffer> {
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: 60 });
  await session.detach();
  return Buffer.from(data, 'base64');
}

await mkdir(folder, { recursive: true });
for (const name of await readdir(folder)) if (name.endsWith('.webp')) await rm(new URL(name, folder));
await using tour = await startTour();
await using browser = await launchBrowser();
await using context = await browser.newContext({ reducedMotion: 'reduce' });
let bytes = 0;
for (const stop of stops) {
  await using page = await context.newPage();
  await page.goto(tour.urlOf(stop));
  await stop.prepare(page);
  // No element is shown in its hover state.
  await page.mouse.move(0, 0);
  for (const colorScheme of schemes) {
    await page.emulateMedia({ colorScheme });
    for (const size of sizes) {
      await page.setViewportSize(size);
      await page.evaluate('scrollTo(0, 0)');
      if (stop.shows !== undefined) await page.locator(stop.shows).evaluate((shown) => shown.scrollIntoView());
      await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
      const taken = await picture(page);
      bytes += taken.length;
      await writeFile(new URL(pictureName(stop.name, size.width, colorScheme), folder), taken);
    }
  }
  await context.clearCookies();
}
await writeFile(new URL('README.md', folder), screensIndex());
console.log(`${Math.round(bytes / 1024)} KiB in ${folder.pathname}`);
