import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { headerLinks } from '../../src/http/pages/header.ts';
import { startTestApp } from '../support/start-app.ts';

const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; " +
  "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

test.each(headerLinks.map(({ path }) => path))(
  'The page %s loads, runs and requests only what this server serves.',
  async (path) => {
    await using app = await startTestApp();
    const { status, headers, text } = await app.get(path);
    expect([status, headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers.get('content-security-policy')).toBe(policy);
    expect(text.match(/<style|\son[a-z]+=|\sstyle=|<script(?![^>]* src=)/g)).toBeNull();
    const files = [...text.matchAll(/<(?:link|script)[^>]* (?:href|src)="([^"]*)"/g)].map(([, file]) => file!);
    expect(files.length).toBeGreaterThan(2);
    for (const file of files) {
      const answer = await app.get(new URL(file, `http://x${path}`).pathname);
      expect([file, answer.status, answer.headers.get('content-security-policy')]).toEqual([file, 200, policy]);
    }
  },
);

test('The root redirects to a page below any path of a proxy.', async () => {
  await using app = await startTestApp();
  const { status, headers } = await fetch(app.url, { redirect: 'manual' });
  expect([status, headers.get('location')]).toEqual([302, 'docs']);
});

test.each(headerLinks.map(({ path }) => path))(
  'The page %s has no address that breaks behind a proxy with a path prefix.',
  async (path) => {
    await using app = await startTestApp();
    const { text } = await app.get(path);
    expect(text.match(/\s(?:href|src)="\/[^"]*"/g)).toBeNull();
  },
);

test('No script of a page requests an absolute path.', () => {
  const folder = new URL('../../src/http/pages/', import.meta.url);
  const scripts = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.js'));
  expect(scripts.length).toBeGreaterThan(40);
  for (const name of scripts) {
    const text = readFileSync(new URL(name, folder), 'utf8');
    expect(text.match(/(?:fetch|get|read|EventSource|URL|replace|assign)\(\s*['"`]\/.*/g), name).toBeNull();
    expect(text.match(/(?:href|src)\s*[:=]\s*['"`]\/.*/g), name).toBeNull();
  }
});
