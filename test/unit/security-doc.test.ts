import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { configSchema, flagOf } from '../../src/config.ts';
import { longestTestStreamMs } from '../../src/http/pages/diagnose.ts';
import { maxTestStreams, maxTestStreamsOfNamespace } from '../../src/http/pages/test-streams.ts';
import { checkMs } from '../../src/http/plumbing/connections.ts';
import { closeGraceMs, keepAliveTimeoutMs } from '../../src/http/plumbing/listener.ts';
import { farewellMs, maxHeldRequests } from '../../src/http/plumbing/open-connection.ts';
import { maxTickets, maxTicketsOfNamespace } from '../../src/store/ticket-store.ts';
import { readText } from '../support/monitoring.ts';

const page = readText('docs/security.md');
const chapter = (heading: string) => page.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;

/** Cells of the rows in a chapter's table, without its head. */
function rowsOf(heading: string): string[][] {
  const rows = chapter(heading)
    .split('\n')
    .filter((line) => line.startsWith('| '));
  return rows.slice(1).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const withoutEnd = (sentence: string) => sentence.replace(/[.,]$/, '');

describe('The tests of the promises', () => {
  const rows = rowsOf('Tests of the promises');

  test('are named for every promise, in their order', () => {
    const promises = [...chapter('What is promised').matchAll(/^- \*\*([^*]+)\*\*/gm)].map(([, name]) => name!);
    const named = rows.map(([promise]) => promise!).filter((promise) => promise !== '');
    expect(named).toEqual(promises.map(withoutEnd));
  });

  test.each(rows.map(([, named]) => named!))('exist: %s', (named) => {
    const [, shown, path, title] = /^\[`([^`]+)`\]\(\.\.\/test\/([^)]+)\): (.+)$/.exec(named)!;
    expect(path).toBe(`${shown}.test.ts`);
    expect(existsSync(new URL(`../${path}`, import.meta.url))).toBe(true);
    expect(readText(`test/${path}`)).toContain(`'${title}'`);
  });
});

const units: Readonly<Record<string, number>> = { KiB: 1_024, MiB: 1_048_576, GiB: 1_073_741_824, s: 1_000 };

/** A default as written in the table. */
function numberOf(text: string): number {
  if (text === 'none' || /^all (of|these)/.test(text)) return 0;
  const [, digits = '', unit = ''] = /^([\d,]+)(?: (KiB|MiB|GiB|s|ms|%)(?![\w]))?/.exec(text)!;
  return Number(digits.replaceAll(',', '')) * (units[unit] ?? 1);
}

test('The limits have the defaults of their settings.', () => {
  const properties = Object.entries(configSchema.properties) as [string, { readonly default?: unknown }][];
  const defaults = new Map(properties.map(([name, schema]) => [`\`--${flagOf(name)}\``, schema.default]));
  const rows = rowsOf('Limits').filter(([, setting]) => setting !== '');
  expect(rows.length).toBeGreaterThan(15);
  for (const [, setting = '', initial = ''] of rows) {
    expect([setting, numberOf(initial)]).toEqual([setting, defaults.get(setting)]);
  }
});

test('The limits that have no setting are those of the code.', () => {
  const number = (value: number) => value.toLocaleString('en');
  const seconds = (ms: number) => `${ms / 1_000} s`;
  const rows = rowsOf('Limits').filter(([, setting]) => setting === '');
  expect(rows.map(([limit, , value]) => [limit, value])).toEqual([
    ['unused tickets', `${number(maxTicketsOfNamespace)} of a namespace, ${number(maxTickets)} in total`],
    [
      'test streams of `/diagnose`',
      `${maxTestStreams}, of one namespace ${maxTestStreamsOfNamespace}, each ${Math.ceil(longestTestStreamMs / 60_000)} minutes at most`,
    ],
    ['time to send the rest of a request that was refused early', seconds(farewellMs)],
    ['idle connection', seconds(keepAliveTimeoutMs)],
    ['running requests when the server stops', seconds(closeGraceMs)],
    ['requests of one connection', `1 running, ${maxHeldRequests} waiting`],
  ]);
  expect(checkMs).toBe(250);
  expect(rowsOf('Limits').map(([, , value]) => value)).toContain('30 s, checked four times a second');
});

test('The table of limits in docs/settings.md has the defaults of its settings.', () => {
  const { properties } = configSchema;
  const table = readText('docs/settings.md').split('\n## Limits\n')[1]!.split('\n## ')[0]!;
  const said = (name: keyof typeof properties) =>
    (properties[name] as unknown as { default: number }).default.toLocaleString('en');
  for (const name of ['maxSubscriptions', 'maxTransfers', 'maxReads', 'maxSelectors'] as const) {
    expect(table).toContain(`\`--${flagOf(name)}\`, ${said(name)} by default`);
  }
  expect(table).toContain(`by default, ${said('maxTransfersPerNamespace')} of a namespace`);
  expect(table).toContain(`by default, ${said('maxReadsPerNamespace')} of a namespace`);
});
