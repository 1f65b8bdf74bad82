import { initStore } from '../store/init-store.ts';
import type { Invocation } from './invocation.ts';
import { writeText } from './output.ts';
import type { Terminal } from './terminal.ts';

/** `pokewire store init`: creates the schema for tokens and tickets next to a Message DB. */
export async function initializeStore(invocation: Invocation, { stdout }: Terminal): Promise<void> {
  const role = invocation.text('role') ?? 'message_store';
  await writeText(stdout, `${await initStore(invocation.words[0]!, role)}\n`);
}
