import type { Page } from 'playwright-core';
import { connect } from '../../src/client/client.ts';
import { headerLinks } from '../../src/http/pages/header.ts';
import { startTestApp } from '../support/start-app.ts';

const token = `ns_ZGVmYXVsdA_${'0'.repeat(64)}`;

/** A page in a state worth testing. */
export type Stop = {
  /** Kebab-case. */
  readonly name: string;
  /** The page and its state, in words. */
  readonly caption: string;
  readonly path: string;
  /** Whether it is on the server that requires a token. */
  readonly isGuarded?: boolean;
  /** Whether the header marks it as the current page. */
  readonly isInHeader: boolean;
  /** Selector of the part that its screenshots start at; absent: the top. */
  readonly shows?: string;
  /** Brings the page into this state. */
  readonly prepare: (page: Page) => Promise<unknown>;
};

type State = Pick<Stop, 'caption' | 'prepare'>;

/** The states of the pages in the header. */
const states: Readonly<Record<string, State>> = {
  '/docs': {
    caption: 'Try it: a subscription and what it was poked about',
    prepare: async (page) => {
      await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
      await page.getByText('account-123').first().waitFor();
    },
  },
  '/browse': {
    caption: 'Streams: one of them, and one of its messages',
    prepare: async (page) => {
      await page.getByRole('link', { name: 'account-123' }).click();
      await page.getByLabel('Messages, newest first').locator('.row').first().click();
      await page.getByRole('region', { name: 'data' }).waitFor();
    },
  },
  '/consumer-groups': {
    caption: 'Groups: members, partitions and a stream that is held',
    prepare: (page) => page.getByRole('button', { name: 'Replay' }).waitFor(),
  },
  '/diagnose': {
    caption: 'Diagnose: what will be measured',
    prepare: (page) => page.getByText('Takes about 80 s.').waitFor(),
  },
  '/reference': { caption: 'API reference', prepare: (page) => page.locator('#errors').waitFor() },
};

async function planResize(page: Page): Promise<void> {
  await page.getByRole('textbox', { name: 'Partitions' }).fill('8');
  await page.getByRole('button', { name: 'Plan' }).click();
  await page.getByText('Partition by partition').click();
}

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

/** Every page of the header, with content, and pages without a link. */
export const stops: readonly Stop[] = [
  ...headerLinks.map(({ path }) => ({ name: path.slice(1), path, isInHeader: true, ...states[path]! })),
  {
    name: 'diagnose-stopped',
    caption: 'Diagnose: stopped, with its report',
    path: '/diagnose',
    isInHeader: true,
    prepare: diagnose,
  },
  {
    name: 'groups-plan',
    caption: 'Groups: the plan of a resize',
    path: '/consumer-groups',
    isInHeader: true,
    prepare: planResize,
    shows: '#resize-form',
  },
  {
    name: 'groups-none',
    caption: 'Groups: none yet, on a server that requires a token',
    path: `/consumer-groups?token=${token}`,
    isGuarded: true,
    isInHeader: true,
    prepare: seeNoGroup,
  },
  {
    name: 'sign-in',
    caption: 'Signing in',
    path: '/docs',
    isGuarded: true,
    isInHeader: false,
    prepare: async () => {},
  },
  {
    name: 'sign-in-refused',
    caption: 'Signing in: the token is refused',
    path: '/diagnose',
    isGuarded: true,
    isInHeader: false,
    prepare: signInWrongly,
  },
  {
    name: 'not-found',
    caption: 'An address without a page',
    path: '/no/where',
    isInHeader: false,
    prepare: async () => {},
  },
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
