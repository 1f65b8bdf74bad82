import { describe, expect, test } from 'vitest';
import { commands, helpOf, overview } from '../../src/cli/help.ts';
import { flagsOf } from '../../src/cli/verb.ts';
import { flagOf, settingNames } from '../../src/config.ts';

const longest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

test('The overview lists every command with its arguments, within 80 columns.', () => {
  const text = overview();
  expect(longest(text)).toBeLessThanOrEqual(80);
  for (const { name } of commands()) expect(text).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
});

describe.each(commands().map((command) => [command.name, command] as const))('The help of %s', (name, command) => {
  const text = helpOf(name);

  test('fits into 80 columns.', () => {
    expect(longest(text)).toBeLessThanOrEqual(80);
  });

  test('lists every flag with its effect.', () => {
    for (const flag of flagsOf(command)) {
      expect(text).toMatch(new RegExp(`^ {2}(-${flag.short}, )?--${flag.name}( [A-Z|a-z]+)?(\\n)? {2,}\\S`, 'm'));
    }
  });

  test('lists no flag twice.', () => {
    const names = flagsOf(command).map((flag) => flag.name);
    expect(new Set(names).size).toBe(names.length);
  });
});

test('The help of the server has every setting, with its default.', () => {
  const text = helpOf('serve');
  for (const name of settingNames) expect(text).toMatch(new RegExp(`^ {2}--${flagOf(name)}\\s`, 'm'));
  for (const initial of ['[8080]', '[localhost]', '[none]']) expect(text).toContain(initial);
});

test('The help of an unknown command suggests a known one.', () => {
  expect(() => helpOf('bakup')).toThrow(
    'Unknown command "bakup"; did you mean backup? "pokewire help" lists the commands.',
  );
  expect(() => helpOf('tokn')).toThrow('Unknown command "tokn"; did you mean token?');
});
