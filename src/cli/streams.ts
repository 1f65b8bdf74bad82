import { askJson } from './ask.ts';
import type { Invocation } from './invocation.ts';
import { visible } from './message-lines.ts';
import { writeText } from './output.ts';
import type { Terminal } from './terminal.ts';

type Entry = {
  readonly stream?: string;
  readonly category?: string;
  readonly version?: number;
  readonly streamCount?: number;
  readonly messageCount: number;
  readonly lastActivity?: string;
};

type Page = {
  readonly streams?: readonly Entry[];
  readonly categories?: readonly Entry[];
  readonly cursor: string | null;
};

/** Entries per request. */
const pageEntries = 1_000;

/** `pokewire streams`: lists streams, or categories, by name. */
export async function listStreams(invocation: Invocation, terminal: Terminal): Promise<void> {
  const { server, words } = invocation;
  const isOfCategories = invocation.isSet('categories');
  const prefix = words[0] ?? '';
  let cursor: string | null = '';
  while (cursor !== null) {
    const query: Record<string, string> = { limit: String(pageEntries) };
    if (prefix !== '' && !isOfCategories) query.prefix = prefix;
    if (cursor !== '') query.cursor = cursor;
    const path = isOfCategories ? 'categories' : 'streams';
    const isPage = (answer: Partial<Page>) => Array.isArray(answer[path]);
    const page: Page = await askJson<Page>(server, terminal, { method: 'GET', path, query }, isPage);
    const entries = page[path]!;
    const wanted = entries.filter(({ category }) => category === undefined || category.startsWith(prefix));
    const write = invocation.isSet('json') ? (entry: Entry) => visible(JSON.stringify(entry)) : lineOf;
    await writeText(terminal.stdout, wanted.map((entry) => `${write(entry)}\n`).join(''));
    cursor = page.cursor;
  }
}

function lineOf({ stream, category, streamCount, messageCount, lastActivity }: Entry): string {
  const count = (n: number, word: string) => `${n.toLocaleString('en')} ${word}${n === 1 ? '' : 's'}`;
  const messages = count(messageCount, 'message');
  if (stream !== undefined) return `${visible(stream)}  ${messages}  ${lastActivity}`;
  return `${visible(category ?? '')}  ${count(streamCount ?? 0, 'stream')}  ${messages}`;
}
