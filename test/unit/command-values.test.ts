import { describe, expect, test } from 'vitest';
import { splitCommand } from '../../src/cli/command.ts';
import { visible } from '../../src/cli/message-lines.ts';
import { parseMoment } from '../../src/cli/moment.ts';
import { parseSelected } from '../../src/cli/selected.ts';

const nowMs = Date.parse('2026-11-27T12:00:00Z');

describe('The selection', () => {
  test.each([
    ['account-123', { kind: 'stream', name: 'account-123' }],
    ['stream:account', { kind: 'stream', name: 'account' }],
    ['stream:stream:a', { kind: 'stream', name: 'stream:a' }],
    ['category:account', { kind: 'category', name: 'account' }],
    ['all', { kind: 'all' }],
  ])('by %s is named.', (text, selected) => {
    expect(parseSelected(text)).toEqual(selected);
  });

  test.each(['account', '', 'category:', 'stream:'])('by %j is not clear, which is said.', (text) => {
    expect(() => parseSelected(text)).toThrow(/is ambiguous|lacks a/);
  });
});

describe('A moment', () => {
  test.each([
    ['90s', '2026-11-27T11:58:30.000Z'],
    ['30m', '2026-11-27T11:30:00.000Z'],
    ['2h', '2026-11-27T10:00:00.000Z'],
    ['7d', '2026-11-20T12:00:00.000Z'],
    ['2026-01-02', '2026-01-02T00:00:00.000Z'],
    ['2026-01-02T03:04:05+01:00', '2026-01-02T02:04:05.000Z'],
  ])('%s is read.', (text, time) => {
    expect(new Date(parseMoment('since', text, 'ago', nowMs)).toISOString()).toBe(time);
  });

  test('ahead is after now.', () => {
    expect(parseMoment('expires', '1h', 'ahead', nowMs)).toBe(nowMs + 3_600_000);
  });

  test.each(['', '2', '2 h', '-2h', '2w', 'yesterday', '2026', '9999999d'])('%j is refused by its flag.', (text) => {
    expect(() => parseMoment('since', text, 'ago', nowMs)).toThrow(/^--since cannot be ".*"\. Use 90s/);
  });
});

describe('A command line', () => {
  test.each([
    [[], 'serve', []],
    [['--port', '1'], 'serve', ['--port', '1']],
    [['serve', '--port', '1'], 'serve', ['--port', '1']],
    [['--help'], 'help', []],
    [['-h'], 'help', []],
    [['read', 'a-1'], 'read', ['a-1']],
    [['store', 'init', 'x'], 'store init', ['x']],
    [['token', 'nothing', 'x'], 'token nothing', ['x']],
    [['token'], 'help', ['token']],
    [['token', '--help'], 'help', ['token']],
  ])('%j is split into its command and the rest.', (args, name, rest) => {
    expect(splitCommand(args)).toEqual({ name, args: rest });
  });
});

test('Control characters for a terminal are shown as escapes, which leave JSON the same value.', () => {
  const text = JSON.stringify('a\u009b31m\u202e\u{e0041}\u2028ö😀');
  expect(visible(text)).toBe('"a\\u009b31m\\u202e\\udb40\\udc41\\u2028ö😀"');
  expect(JSON.parse(visible(text))).toBe(JSON.parse(text));
});
