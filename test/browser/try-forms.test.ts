import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../support/browser.ts';
import { startTestApp } from '../support/start-app.ts';
import { append, pokes, subscribe } from './try-page.ts';
import { visit } from './visit.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await launchBrowser();
});
afterAll(() => browser.close());

/** State of a field: the sentence that describes it, whether it is invalid, and whether it has the focus. */
function stateOf(
  field: Locator,
): Promise<{ invalid: string | null; sentence: string | undefined; isFocused: boolean }> {
  return field.evaluate((input) => ({
    invalid: input.getAttribute('aria-invalid'),
    sentence:
      input.ownerDocument.getElementById(input.getAttribute('aria-describedby') ?? '')?.textContent ?? undefined,
    isFocused: input.ownerDocument.activeElement === input,
  }));
}

/** Whether an element is completely visible. */
function isInView(element: Locator): Promise<boolean> {
  return element.evaluate((shown) => {
    const { top, bottom } = shown.getBoundingClientRect();
    return top >= 0 && bottom <= shown.ownerDocument.defaultView.innerHeight;
  });
}

async function askForMember(page: Page, consumer: string, size: string): Promise<void> {
  const more = page.getByRole('button', { name: 'More' });
  if ((await more.getAttribute('aria-expanded')) === 'false') await more.click();
  await page.getByLabel('Consumer').fill(consumer);
  await page.getByLabel('Group size').fill(size);
}

test('A refused subscription is explained at its field, and the open one continues.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await append(page);
  await pokes(page).waitFor();
  await askForMember(page, '2', '2');
  await page.getByRole('button', { name: 'Resubscribe' }).click();

  const { code, message } = (await app.get('/subscribe?category=account&consumer=2&size=2')).body.error;
  await page.getByText(`${message} 400 ${code}`).waitFor();
  const consumer = page.getByLabel('Consumer');
  expect(await stateOf(consumer)).toEqual({ invalid: 'true', sentence: `${message} 400 ${code}`, isFocused: true });
  await page.getByText('open', { exact: true }).waitFor();
  await append(page);
  await pokes(page).nth(1).waitFor();
  expect(await page.locator('#count').textContent()).toBe('2');

  await consumer.fill('1');
  expect(await stateOf(consumer)).toEqual({ invalid: null, sentence: undefined, isFocused: true });
});

test('A new subscription draws a line above the pokes of the previous one.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await append(page);
  await pokes(page).waitFor();
  await page.getByLabel('To', { exact: true }).fill('order');
  await page.getByRole('button', { name: 'Resubscribe' }).click();
  await page.getByText('subscribed to category order').waitFor();
  expect(await pokes(page).count()).toBe(1);
  // The earlier one is closed, so its events no longer arrive.
  await append(page);
  await app.append('order-1', { type: 'Made', data: {} });
  await pokes(page).nth(1).waitFor();
  expect(await page.locator('#pokes .stream').allTextContents()).toEqual(['order-1', 'account-123']);
});

test('On a phone a refused first subscription shows the reason without scrolling.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`, { viewport: { width: 390, height: 844 } });
  const { page } = visitor;
  await page.getByLabel('To', { exact: true }).fill('account-123');
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByText('refused', { exact: true }).waitFor();
  const { message } = (await app.get('/subscribe?category=account-123')).body.error;
  expect(await isInView(page.getByText(message))).toBe(true);
  expect(await stateOf(page.getByLabel('To', { exact: true }))).toMatchObject({ invalid: 'true', isFocused: true });
  await page.getByText('The server refused the subscription. The form says why.').waitFor();
});

test('A refusal because the limit is reached is shown at the form, and the open subscription continues.', async () => {
  await using app = await startTestApp(['--max-subscriptions', '1']);
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await subscribe(page);
  await page.getByRole('button', { name: 'Resubscribe' }).click();
  await page.getByRole('alert').getByText('503 TOO_MANY_SUBSCRIPTIONS').waitFor();
  await append(page);
  await pokes(page).waitFor();
});

test('A refused append is explained at the invalid field.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await page.getByLabel('if the version is').fill('4');
  await append(page);
  const conflict = (await app.append('account-123', { type: 'Deposited', data: {} }, 'expectedVersion=4')).body.error;
  await page.getByText(`${conflict.message} 409 ${conflict.code}`).waitFor();
  expect(await stateOf(page.getByLabel('if the version is'))).toMatchObject({ invalid: 'true', isFocused: true });

  await page.getByLabel('if the version is').fill('');
  for (const [label, value, query, body] of [
    ['Type', '', '', { type: '', data: {} }],
    ['Data', '[1]', '', { type: 'Deposited', data: [1] }],
    ['if the version is', 'x', 'expectedVersion=x', { type: 'Deposited', data: {} }],
  ] as const) {
    const field = page.getByLabel(label, { exact: true });
    const before = await field.inputValue();
    await field.fill(value);
    await append(page);
    const { code, message } = (await app.append('account-123', body, query)).body.error;
    await page.getByText(`${message} 400 ${code}`).waitFor();
    expect([label, await stateOf(field)]).toMatchObject([label, { invalid: 'true', isFocused: true }]);
    await field.fill(before);
  }
});

test('Data that is not JSON is not sent.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`);
  const { page } = visitor;
  await page.getByLabel('Data').fill('{"amount": }');
  await append(page);
  await page.getByText('The data is not JSON').waitFor();
  expect((await app.get('/streams')).body.streams).toEqual([]);
  expect(visitor.complaints).toEqual([]);
});

test('Subscribe, append and the poke fit a small laptop without scrolling, and nothing moves.', async () => {
  await using app = await startTestApp();
  await using visitor = await visit(browser, `${app.url}/docs`, { viewport: { width: 1280, height: 800 } });
  const { page } = visitor;
  const button = page.getByRole('button', { name: 'Append' });
  const before = await button.boundingBox();
  await subscribe(page);
  await append(page);
  const answer = page.getByText('Stored: account-123 at 0');
  await answer.waitFor();
  await pokes(page).waitFor();
  await page.getByText(/poked after [\d,]+ ms$/).waitFor();
  expect(await button.boundingBox()).toEqual(before);
  for (const part of [button, answer, pokes(page), page.getByLabel('Pokes, newest first')]) {
    expect(await isInView(part)).toBe(true);
  }
  expect(await page.evaluate('scrollY')).toBe(0);
});
