import { ConfigError } from '../config-error.ts';
import type { Invocation } from './invocation.ts';
import { MessageLines } from './message-lines.ts';
import { MessagePages } from './message-pages.ts';
import { parseMoment } from './moment.ts';
import { writeText } from './output.ts';
import { parseSelected } from './selected.ts';
import type { Terminal } from './terminal.ts';

/** `pokewire read`: prints messages up to the end of the log. */
export async function readMessages(invocation: Invocation, terminal: Terminal): Promise<void> {
  const limit = invocation.integer('limit', 1);
  const pages = new MessagePages(invocation.server, terminal, parseSelected(invocation.words[0]!));
  const lines = new MessageLines(terminal.stdout, invocation.isSet('json'));
  const start = await startOf(invocation, pages);
  for await (const page of pages.from(start, limit)) await writeText(terminal.stdout, lines.textOf(page));
}

/** The first position to read, from `--position`, `--since` or `--last`. */
async function startOf(invocation: Invocation, pages: MessagePages): Promise<number> {
  const position = invocation.integer('position', 0);
  const since = invocation.text('since');
  const last = invocation.integer('last', 1, 1_000_000);
  if ([position, since, last].filter((given) => given !== undefined).length > 1) {
    throw new ConfigError('--position, --since and --last all set the start: use one of them.');
  }
  if (since !== undefined) return pages.startSince(parseMoment('since', since, 'ago'));
  return last === undefined ? (position ?? 0) : pages.startOfLast(last);
}
