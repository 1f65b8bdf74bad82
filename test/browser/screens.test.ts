import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { pictureNames, screensIndex } from './screens-index.ts';

const folder = new URL('../../docs/screens/', import.meta.url);

test('There is a screenshot of every page in every size and scheme, no other one, and a page that shows them all.', () => {
  expect(readdirSync(folder).sort()).toEqual(['README.md', ...pictureNames].sort());
  expect(readFileSync(new URL('README.md', folder), 'utf8')).toBe(screensIndex());
});
