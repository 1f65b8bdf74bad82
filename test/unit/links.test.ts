import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const pages = globSync(['*.md', 'docs/*.md', 'examples/**/README.md', 'load/README.md', 'test/README.md'], {
  cwd: root,
});

/** Anchors that GitHub creates for a page's headings. Ignores code blocks. */
function anchorsOf(path: string): Set<string> {
  const prose = readFileSync(path, 'utf8').replace(/^```.*?^```/gms, '');
  const headings = [...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => heading);
  const texts = headings.map((heading) => heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase());
  return new Set(texts.map((text) => text.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-')));
}

test.each(pages)('Every link of %s to a file or a heading has a target.', (page) => {
  const path = join(root, page);
  const links = [...readFileSync(path, 'utf8').matchAll(/\]\((?!https?:)([^)\s#]*)(?:#([^)\s]*))?\)/g)];
  const dead = links.filter(([, file = '', anchor]) => {
    const target = file === '' ? path : join(dirname(path), file);
    if (!existsSync(target)) return true;
    return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor);
  });
  expect(dead.map(([link]) => link)).toEqual([]);
});
