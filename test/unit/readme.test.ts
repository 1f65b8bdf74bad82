import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { commands, usageOf } from '../../src/cli/help.ts';
import { configSchema, flagOf } from '../../src/config.ts';
import { errorStatuses } from '../../src/errors.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test('The table of docs/settings.md lists every flag with its default and description.', () => {
  const rows = Object.entries(configSchema.properties).map(([name, schema]) => {
    const { default: initial, description } = schema as { default?: unknown; description?: string };
    const shown = String(initial) === '' ? 'none' : `\`${initial}\``;
    return `| \`--${flagOf(name)}\` | ${shown} | ${description} |`;
  });
  const table = ['| flag | default | meaning |', '|---|---|---|', ...rows].join('\n');

  expect(read('docs/settings.md')).toContain(`-->\n${table}\n<!-- /settings -->`);
});

test('docs/command-line.md lists every command with its arguments and its effect.', () => {
  const rows = commands().map((command) => `| \`${usageOf(command)}\` | ${command.summary.replaceAll('|', '\\|')} |`);
  const table = ['| command | what it does |', '|---|---|', ...rows].join('\n');

  expect(read('docs/command-line.md')).toContain(`-->\n${table}\n<!-- /commands -->`);
});

test('The error table of the protocol lists every code with its status.', () => {
  const documented = [...read('docs/PROTOCOL.md').matchAll(/^\| `([A-Z_]+)` \| (\d{3}) \|/gm)].map(
    ([, code, status]) => [code, Number(status)],
  );

  expect(Object.fromEntries(documented)).toEqual(errorStatuses);
});

test('The README has fewer than 150 lines.', () => {
  expect(read('README.md').split('\n').length).toBeLessThan(150);
});

test('The index of the documentation lists every page.', () => {
  const pages = readdirSync(new URL('../../docs/', import.meta.url)).filter((name) => name.endsWith('.md'));
  const index = read('docs/README.md');
  expect(pages.filter((name) => name !== 'README.md' && !index.includes(`](${name})`))).toEqual([]);
});

test('The README’s pictures are animated, and smaller than 400 KB.', () => {
  const names = [...read('README.md').matchAll(/docs\/picture-\w+\.png/g)].map(([name]) => name);
  expect(names).toEqual(['docs/picture-dark.png', 'docs/picture-light.png']);
  for (const name of names) {
    const picture = readFileSync(new URL(`../../${name}`, import.meta.url));
    expect(picture.subarray(0, 100).includes('acTL')).toBe(true);
    expect(picture.length).toBeLessThan(400_000);
  }
});
