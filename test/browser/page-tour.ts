import type { Page } from 'playwright-core';
import { connect } from '../../src/client/client.ts';
import { headerLinks } from '../../src/http/pages/header.ts';
import { startTestApp } from '../support/start-app.ts';
import { collected, cutAfterComment, held, type Manner, UnrulyProxy } from '../support/unruly-proxy.ts';

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
  /** Whether the server is behind a proxy that holds streams back and cuts them when they are silent. */
  readonly isBehindProxy?: boolean;
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
  '/docs': { caption: 'Try it: a subscription and its pokes', prepare: subscribeToAccounts },
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

async function subscribeToAccounts(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.getByRole('button', { name: 'complete up to 9' }).waitFor();
}

async function readNewest(page: Page): Promise<void> {
  await subscribeToAccounts(page);
  await page.getByLabel('Pokes, newest first').getByRole('button').first().click();
  await page.getByRole('heading', { name: 'account-123 at 2' }).waitFor();
}

async function subscribeWrongly(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'More' }).click();
  await page.getByLabel('Consumer').fill('4');
  await page.getByLabel('Group size').fill('4');
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await page.locator('.field-error').waitFor();
}

/** Over plain http from another machine a browser does not reveal whether a link led here. */
async function askBeforeSession(page: Page): Promise<void> {
  await page.route('**/docs?token=*', async (route) => {
    const { 'sec-fetch-site': _, ...headers } = await route.request().allHeaders();
    await route.fulfill({ response: await route.fetch({ headers }) });
  });
  await page.goto(`${page.url()}?token=${token}`);
  await page.getByRole('heading', { name: 'Start a session?' }).waitFor();
}

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

/** A complete run with a shorter silence than visitors can choose. */
async function diagnoseProblems(page: Page): Promise<void> {
  await page.evaluate("silence.add(new Option('3 seconds', 3, true, true))");
  await page.getByRole('button', { name: 'Start' }).click();
  await page.locator('#report').waitFor();
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
    name: 'docs-message',
    caption: 'Try it: the message of a poke',
    path: '/docs',
    isInHeader: true,
    prepare: readNewest,
  },
  {
    name: 'docs-refused',
    caption: 'Try it: a subscription that is refused',
    path: '/docs',
    isInHeader: true,
    prepare: subscribeWrongly,
  },
  {
    name: 'browse-all',
    caption: 'Streams: all of them',
    path: '/browse',
    isInHeader: true,
    prepare: (page) => page.getByRole('link', { name: 'account-123' }).waitFor(),
  },
  {
    name: 'diagnose-stopped',
    caption: 'Diagnose: stopped, with its report',
    path: '/diagnose',
    isInHeader: true,
    prepare: diagnose,
    shows: '#report',
  },
  {
    name: 'diagnose-problems',
    caption: 'Diagnose: behind a proxy that holds streams back and cuts silent ones',
    path: '/diagnose',
    isBehindProxy: true,
    isInHeader: true,
    prepare: diagnoseProblems,
    shows: '#result',
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
    name: 'ask-first',
    caption: 'Signing in: a link with a token',
    path: '/docs',
    isGuarded: true,
    isInHeader: false,
    prepare: askBeforeSession,
  },
  {
    name: 'not-found',
    caption: 'An address without a page',
    path: '/no/where',
    isInHeader: false,
    prepare: async () => {},
  },
];

function mannerOf(path: string): Manner | undefined {
  if (path.startsWith('/subscribe')) return held(1_500);
  if (path.startsWith('/diagnose/stream?events=12')) return collected(3);
  return path.startsWith('/diagnose/stream?events=1&') ? cutAfterComment(500, 1_000) : undefined;
}

/** The tour's servers, with content. Close it by `await using`. */
export async function startTour(): Promise<AsyncDisposable & { readonly urlOf: (stop: Stop) => string }> {
  const stack = new AsyncDisposableStack();
  const app = stack.use(await startTestApp(['--heartbeat-ms', '1000']));
  const guarded = stack.use(await startTestApp(['--token', token]));
  const proxy = stack.use(await UnrulyProxy.open(app.port, mannerOf));
  await fill(app.url, stack);
  return {
    urlOf: ({ path, isGuarded, isBehindProxy }) => (isGuarded ? guarded : isBehindProxy ? proxy : app).url + path,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/** Appends to several streams, and adds a consumer group whose only worker fails on one of them. */
async function fill(url: string, stack: AsyncDisposableStack): Promise<void> {
  const pokewire = connect(url);
  for (const account of [7, 12, 123]) {
    for (const amount of [100, 250, 40]) {
      await pokewire.append(`account-${account}`, { type: 'Deposited', data: { amount, currency: 'EUR' } });
    }
  }
  await pokewire.append('invoice-2026-0042', { type: 'Issued', data: { total: 12.5, lines: ['coffee', 'tea'] } });
  const isHeld = Promise.withResolvers<void>();
  const member = { category: 'account', group: 'billing', member: 'worker-1', size: 4 };
  const refuse = ({ stream }: { stream: string }) => {
    if (stream === 'account-12') throw new Error('The ledger of this account is closed');
  };
  stack.use(pokewire.consume(member, refuse, { retryMs: [], maxAttempts: 1, onHeld: () => isHeld.resolve() }));
  await isHeld.promise;
}
