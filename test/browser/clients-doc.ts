import { readFileSync } from 'node:fs';

const text = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8');

/** The code block of docs/clients.md in this language that contains these words. */
export function blockWith(language: string, words: string): string {
  const blocks = [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block!);
  const found = blocks.filter((block) => block.includes(words));
  if (found.length !== 1) throw new Error(`${found.length} blocks have ${words}`);
  return found[0]!;
}
