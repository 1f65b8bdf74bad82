import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { commands } from '../../src/cli/help.ts';
import { flagsOf } from '../../src/cli/verb.ts';
import { configSchema, flagOf } from '../../src/config.ts';
import { errorStatuses } from '../../src/errors.ts';
import { readAlerts, readMetricDocs, readText } from '../support/monitoring.ts';

const page = readText('docs/operations.md');
const source = new URL('../../src/', import.meta.url);

/** Settings with which nothing is refused, ended or slowed down. */
const noLimits: readonly (keyof typeof configSchema.properties)[] = [
  'port',
  'host',
  'insecure',
  'auth',
  'token',
  'testMode',
  'metricsToken',
  'logLevel',
  'corsOrigins',
  'subscribeOrigins',
  'allowedHosts',
  'trustedProxies',
  'store',
  'heartbeatMs',
  'retryMinMs',
  'retryMaxMs',
  'pooling',
];

/** Every exported limit in the source, and its description in the page; undefined: users cannot reach it. */
const constants: Readonly<Record<string, string | undefined>> = {
  maxPageSize: 'entries of one page of `/streams` or `/categories`',
  maxMessagesPerAppend: 'messages of one append',
  maxBatchMessages: 'messages of one append to a store `nats://…`',
  maxNameBytes: 'bytes of the name of a stream or category',
  maxTypeBytes: 'bytes of a message type',
  maxNesting: 'depth of nested data',
  maxBodyNesting: 'depth of a body of `/rpc`',
  maxNumberLength: 'characters of a number in data',
  maxMembers: 'members of a record of an import, and of a message or options of `/rpc`',
  maxGroupSize: 'size of a consumer group',
  maxGroups: 'consumer groups with members of a namespace',
  maxMeasuredGroups: 'consumer groups whose lag a node measures',
  maxMeasuredGroupsOfNamespace: 'consumer groups of a namespace whose lag a node measures',
  maxGroupMembers: 'members of a consumer group',
  maxNamespaceMembers: 'members of a namespace, in consumer groups with a member on this node',
  maxGroupPartitions: 'partitions of a consumer group with members',
  maxHeldStreams: 'held streams of a partition',
  maxGroupHeldStreams: 'held streams of a consumer group',
  maxGroupHeldBytes: 'bytes of the held streams of a consumer group, without their error texts',
  maxFloors: 'settled ranges of a partition after resizes',
  maxGroupNameBytes: 'bytes of the name of a consumer group or member',
  maxGroupEntries: 'partitions, beats or streams of one request about a consumer group',
  maxGroupWaits: 'requests that wait for consumer groups',
  maxHeldRequests: 'pipelined requests that wait on one connection',
  maxImportedPosition: 'an imported position',
  maxTokens: 'live tokens of a namespace',
  maxRetentionRules: 'retention rules of a namespace',
  maxTicketsOfNamespace: 'unused tickets of a namespace',
  maxTickets: 'all unused tickets',
  maxTestStreamsOfNamespace: 'open test streams of `/diagnose` of a namespace',
  maxTestStreams: 'all open test streams of `/diagnose`',
  maxRoundStreams: 'streams of one round of `conflate=true`',
  maxGatheredStreams: 'streams of the rounds of all subscribers with `conflate=true`',
  maxPageMessages: 'messages of one page of a read',
  maxPageBytes: 'bytes of one page of a read',
  maxWindowPokes: 'recent pokes in memory, all logs together',
  // Pages that are not visible from outside.
  maxPagePokes: undefined,
  maxListEntries: undefined,
  // Bounds of records that only the server writes.
  maxGroupRecords: undefined,
  maxGroupRecordBytes: undefined,
  // Follows from the longest name.
  maxFrameBytes: undefined,
};

/** Cells of the table rows in a chapter. */
function rowsOf(heading: string): string[][] {
  const chapter = page.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  const rows = chapter.split('\n').filter((line) => line.startsWith('|') && !line.startsWith('|--'));
  return rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

describe('The consequence of each limit', () => {
  const rows = rowsOf('What each limit does');

  test('covers every setting that is a limit.', () => {
    const limits = Object.keys(configSchema.properties).filter((name) => !(noLimits as string[]).includes(name));
    const described = rows.flatMap(([first = '']) => /^`--([\w-]+)`$/.exec(first)?.[1] ?? []);
    expect(described.sort()).toEqual(limits.map(flagOf).sort());
  });

  test('covers every limit that is not a setting, with its number.', async () => {
    const found: Record<string, number> = {};
    for (const file of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
      if (!file.endsWith('.ts') || file === 'main.ts') continue;
      for (const [, name = ''] of readFileSync(new URL(file, source), 'utf8').matchAll(/^export const (max\w+) =/gm)) {
        found[name] = ((await import(new URL(file, source).href)) as Record<string, number>)[name]!;
      }
    }
    expect(Object.keys(found).sort()).toEqual(Object.keys(constants).sort());
    for (const [name, what] of Object.entries(constants)) {
      if (what === undefined) continue;
      const number = rows.find(([first]) => first === what)?.[1];
      expect(number, name).toMatch(new RegExp(`^${found[name]!.toLocaleString('en')}(?![\\d,]\\d)`));
    }
  });

  test('names answers by a code and its status.', () => {
    for (const [, status, code = ''] of page.matchAll(/\b([45]\d\d) `([A-Z_]+)`/g)) {
      expect([code, errorStatuses[code as keyof typeof errorStatuses]]).toEqual([code, Number(status)]);
    }
  });
});

test('The page names only existing flags and metrics.', () => {
  const flags = Object.keys(configSchema.properties).map(flagOf);
  // Limits of the commands, and of Node itself.
  const others = [
    ...commands()
      .flatMap(flagsOf)
      .map(({ name }) => name),
    'max-old-space-size',
  ];
  for (const [, flag] of page.matchAll(/--([a-z]+(?:-[a-z]+)*)/g)) expect([...flags, ...others]).toContain(flag);
  const metrics = [...readMetricDocs().keys(), ...readMetricDocs('stores').keys()];
  for (const [name] of page.matchAll(/\bpokewire_\w+/g)) expect(metrics).toContain(name);
});

describe('The alerts', () => {
  const alerts = readAlerts();

  test('are listed with their severity.', () => {
    const listed = rowsOf('What to alert on').flatMap(([name = '', severity]) => {
      const alert = /^\[(\w+)\]\(#(\w+)\)$/.exec(name);
      if (alert !== null) expect(alert[2]).toBe(alert[1]!.toLowerCase());
      return alert === null ? [] : [[alert[1]!, severity!] as const];
    });
    expect(Object.fromEntries(listed)).toEqual(
      Object.fromEntries(alerts.map(({ alert, labels }) => [alert, labels.severity])),
    );
  });

  test('have a runbook each.', () => {
    const runbooks = [...page.split('\n## Runbooks\n')[1]!.matchAll(/^### (\w+)$/gm)].map(([, name]) => name);
    expect(runbooks.sort()).toEqual(alerts.map(({ alert }) => alert).sort());
  });
});
