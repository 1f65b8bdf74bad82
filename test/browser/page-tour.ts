import type { Page } from 'playwright-core';
import { connect } from '../../src/client/client.ts';
import { headerLinks } from '../../src/http/pages/header.ts';
import { startTestApp } from '../support/start-app.ts';

const token = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;

/** A page in a state worth testing. */
export type Stop = {
  /** Kebab-case. */
  readonly name: string;
  readonly path: string;
  /** Whether it is on the server that requires a token. */
  readonly isGuarded?: boolean;
  /** Whether the header marks it as the current page. */
  readonly isInHeader: boolean;
  /** Brings the page into this state. */
  readonly prepare: (page: Page) => Promise<unknown>;
};

const preparations: Readonly<Record<string, (page: Page) => Promise<unknown>>> = {
  '/docs': async (page) => {
    await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
    await page.getByText('account-123').first().waitFor();
  },
  '/browse': async (page) => {
    await page.getByRole('link', { name: 'account-123' }).click();
    await page.getByLabel('Messages, newest first').locator('.row').first().click();
    await page.getByRole('region', { name: 'data' }).waitFor();
  },
  '/reference': (page) => page.locator('#errors').waitFor(),
  '/consumer-groups': (page) => page.getByRole('button', { name: 'Replay' }).waitFor(),
  '/diagnose': (page) => page.getByText('Takes about 80 s.').waitFor(),
};

async function diagnose(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Start' }).click();
  await page.locator('#check-protocol[data-state=info]').waitFor();
  await page.getByRole('button', { name: 'Stop' }).click();
  await page.getByText('Show the report').click();
}

function seeNoGroup(page: Page): Promise<void> {
  return page.getByText('There are no consumer groups.').waitFor();
}

async function signInWrongly(page: Page): Promise<void> {
  await page.getByLabel('Token').fill('secret');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('The token is malformed').waitFor();
}

const none = async () => {};

/** Every page of the header, with content, and those that no link leads to. */
export const stops: readonly Stop[] = [
  ...headerLinks.map(({ path }) => ({
    name: path.slice(1),
    path,
    isInHeader: true,
    prepare: preparations[path] ?? none,
  })),
  { name: 'diagnose-stopped', path: '/diagnose', isInHeader: true, prepare: diagnose },
  {
    name: 'groups-none',
    path: `/consumer-groups?token=${token}`,
    isGuarded: true,
    isInHeader: true,
    prepare: seeNoGroup,
  },
  { name: 'sign-in', path: '/docs', isGuarded: true, isInHeader: false, prepare: none },
  { name: 'sign-in-refused', path: '/diagnose', isGuarded: true, isInHeader: false, prepare: signInWrongly },
  { name: 'not-found', path: '/no/where', isInHeader: false, prepare: none },
];

/** The tour's servers, with content. Close it by `await using`. */
export async function startTour(): Promise<AsyncDisposable & { readonly urlOf: (stop: Stop) => string }> {
  const stack = new AsyncDisposableStack();
  const app = stack.use(await startTestApp());
  const guarded = stack.use(await startTestApp(['--token', token]));
  await fill(app.url, stack);
  return {
    urlOf: ({ path, isGuarded = false }) => (isGuarded ? guarded : app).url + path,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Appends streams, and adds a group with a worker that lags and one stream it cannot handle. */
async function fill(url: string, stack: AsyncDisposableStack): Promise<void> {
  const pokewire = connect(url);
  for (const account of [7, 12, 123]) {
    for (const amount of [100, 250, 40]) {
      await pokewire.append(`account-${account}`, { type: 'Deposited', data: { amount, currency: 'EUR' } });
    }
  }
  await pokewire.append('invoice-2026-0042', { type: 'Issued', data: { total: 12.5, lines: ['coffee', 'tea'] } });
  const held = Promise.withResolvers<void>();
  const member = { category: 'account', group: 'billing', member: 'worker-1', size: 4 };
  const refuse = ({ stream }: { stream: string }) => {
    if (stream === 'account-12') throw new Error('The ledger of this account is closed');
  };
  stack.use(pokewire.consume(member, refuse, { retryMs: [], maxAttempts: 1, onHeld: () => held.resolve() }));
  await held.promise;
}
