/** `npm run picture`: plays the README's scene on the real page, and writes docs/picture-light.png and docs/picture-dark.png. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Locator, Page } from 'playwright-core';
import { launchBrowser } from '../../support/browser.ts';
import { startTestApp, type TestApp } from '../../support/start-app.ts';
import { encodeApng, type Frame } from './apng.ts';

const size = { width: 1_120, height: 700 };
const docs = join(import.meta.dirname, '../../../docs');

/** Draws a mouse pointer, which screenshots lack. */
const pointerScript = `{
  const [pointer, arrow] = ['svg', 'path'].map((name) => document.createElementNS('http://www.w3.org/2000/svg', name));
  pointer.setAttribute('viewBox', '0 0 12 18');
  for (const [name, value] of Object.entries({ d: 'M1 1v14l3.5-3 2.5 5 2-1-2.4-4.8H11z', fill: '#fff', stroke: '#000' })) {
    arrow.setAttribute(name, value);
  }
  pointer.append(arrow);
  Object.assign(pointer.style, { position: 'fixed', width: '18px', zIndex: 99, pointerEvents: 'none' });
  window.movePointer = (left, top) => Object.assign(pointer.style, { left: left + 'px', top: top + 'px' });
  movePointer(${size.width * 0.6}, ${size.height * 0.9});
  document.body.append(pointer);
}`;

/** Decodes a PNG to RGBA bytes, both as base64. */
const decodeScript = `async (data) => {
  const bitmap = await createImageBitmap(new Blob([Uint8Array.fromBase64(data)], { type: 'image/png' }));
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
  context.drawImage(bitmap, 0, 0);
  return new Uint8Array(context.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer).toBase64();
}`;

/** Records the frames of one scene. */
class Film {
  readonly frames: Frame[] = [];
  readonly #page: Page;

  static async of(page: Page): Promise<Film> {
    await page.evaluate(pointerScript);
    return new Film(page);
  }

  private constructor(page: Page) {
    this.#page = page;
  }

  async take(shownMs: number): Promise<void> {
    const png = (await this.#page.screenshot({ animations: 'disabled', caret: 'hide' })).toString('base64');
    // Decoded by the page itself, because nothing else here can.
    const pixels: string = await this.#page.evaluate(`(${decodeScript})('${png}')`);
    this.frames.push({ pixels: Buffer.from(pixels, 'base64'), shownMs });
  }

  /** Moves the pointer there and clicks. */
  async click(target: Locator): Promise<void> {
    const { x, y, width, height } = (await target.boundingBox())!;
    const [left, top] = [Math.round(x + width / 2), Math.round(y + height / 2)];
    await this.#page.evaluate(`movePointer(${left}, ${top})`);
    await this.take(700);
    await target.click();
  }
}

async function play(browser: Browser, app: TestApp, colorScheme: 'light' | 'dark'): Promise<readonly Frame[]> {
  const context = await browser.newContext({ colorScheme, viewport: size, reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.goto(`${app.url}/docs`);
  const film = await Film.of(page);
  const pokes = page.getByLabel('Pokes, newest first').getByRole('button');
  const arrive = async (stream: string, type: string, amount: number, count: number) => {
    await app.append(stream, { type, data: { amount } });
    await pokes.nth(count - 1).waitFor();
    await film.take(500);
  };

  await film.take(900);
  await film.click(page.getByRole('button', { name: 'Subscribe', exact: true }));
  await page.getByText('open', { exact: true }).waitFor();
  await film.take(700);
  await film.click(page.getByRole('button', { name: 'Append' }));
  await pokes.first().waitFor();
  await film.take(900);
  await arrive('account-7', 'Opened', 20, 2);
  await arrive('account-123', 'Withdrawn', 30, 3);
  await arrive('account-42', 'Deposited', 250, 4);
  await arrive('account-7', 'Deposited', 80, 5);
  await page.getByText('complete up to 5').waitFor();
  await film.take(900);
  await film.click(pokes.first());
  await page.getByRole('heading', { name: 'account-7 at 1' }).waitFor();
  await film.take(3_000);
  await context.close();
  return film.frames;
}

await using browser = await launchBrowser();
for (const scheme of ['light', 'dark'] as const) {
  await using app = await startTestApp(['--heartbeat-ms', '1000']);
  const file = join(docs, `picture-${scheme}.png`);
  writeFileSync(file, encodeApng(size, await play(browser, app, scheme)));
  console.log(file);
}
