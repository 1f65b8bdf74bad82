import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { commands, usageOf } from '../../src/cli/help.ts';
import { configSchema, flagOf } from '../../src/config.ts';
import { errorStatuses } from '../../src/errors.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('The settings table of the README lists every flag with its default and description.', () => {
  const rows = Object.entries(configSchema.properties).map(([name, schema]) => {
    const { default: initial, description } = schema as { default?: unknown; description?: string };
    const shown = String(initial) === '' ? 'none' : `\`${initial}\``;
    return `| \`--${flagOf(name)}\` | ${shown} | ${description} |`;
  });
  const table = ['| flag | default | meaning |', '|---|---|---|', ...rows].join('\n');

  expect(read('README.md')).toContain(`-->\n${table}\n<!-- /settings -->`);
});

test('The README lists every command with what it takes and does.', () => {
  const rows = commands().map((command) => `| \`${usageOf(command)}\` | ${command.summary.replaceAll('|', '\\|')} |`);
  const table = ['| command | what it does |', '|---|---|', ...rows].join('\n');

  expect(read('README.md')).toContain(`-->\n${table}\n<!-- /commands -->`);
});

test('The error table of the protocol lists every code with its status.', () => {
  const documented = [...read('docs/PROTOCOL.md').matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \|/gm)].map(
    ([, code, status]) => [code, Number(status)],
  );

  expect(Object.fromEntries(documented)).toEqual(errorStatuses);
});
