import { newToken, parseToken } from '../access/token.ts';
import { askRpc } from './ask.ts';
import type { Invocation } from './invocation.ts';
import { visible } from './message-lines.ts';
import { parseMoment } from './moment.ts';
import { writeText } from './output.ts';
import type { Terminal } from './terminal.ts';

type TokenEntry = {
  readonly tokenId: string;
  readonly label: string;
  readonly scope: string;
  readonly createdAt: string;
  readonly expiresAt: string | null;
};

/** `pokewire token generate`: prints a random token for `--token`, without contacting a server. */
export async function generateToken(invocation: Invocation, { stdout }: Terminal): Promise<void> {
  await writeText(stdout, `${newToken(invocation.text('namespace') ?? 'default')}\n`);
}

/** `pokewire token create`: prints the new token. The server keeps only its hash, so it cannot be shown again. */
export async function createToken(invocation: Invocation, terminal: Terminal): Promise<void> {
  const [label, scope, expires] = [invocation.text('label'), invocation.text('scope'), invocation.text('expires')];
  const expiresAt =
    expires === undefined ? undefined : new Date(parseMoment('expires', expires, 'ahead')).toISOString();
  const call = ['ns.token.create', namespaceOf(invocation), { label, scope, expiresAt }];
  const created = await askRpc<TokenEntry & { readonly token: string }>(
    invocation.server,
    terminal,
    call,
    ({ token }) => typeof token === 'string',
  );
  await writeText(terminal.stdout, `${visible(invocation.isSet('json') ? JSON.stringify(created) : created.token)}\n`);
}

/** `pokewire token list`: lists tokens by id; the server does not know their texts. */
export async function listTokens(invocation: Invocation, terminal: Terminal): Promise<void> {
  const call = ['ns.token.list', namespaceOf(invocation)];
  const entries = await askRpc<readonly TokenEntry[]>(invocation.server, terminal, call, Array.isArray);
  const write = invocation.isSet('json') ? (entry: TokenEntry) => JSON.stringify(entry) : lineOf;
  await writeText(terminal.stdout, entries.map((entry) => `${visible(write(entry))}\n`).join(''));
}

/** `pokewire token revoke`: revokes a token and ends the subscriptions it opened. */
export async function revokeToken(invocation: Invocation, terminal: Terminal): Promise<void> {
  const [id] = invocation.words;
  await askRpc(invocation.server, terminal, ['ns.token.revoke', namespaceOf(invocation), id], () => true);
  await writeText(terminal.stdout, `Revoked ${visible(id!)}.\n`);
}

/** From `--namespace`, otherwise from the token in use, otherwise `default`. */
function namespaceOf(invocation: Invocation): string {
  const given = invocation.text('namespace');
  if (given !== undefined) return given;
  const parsed = parseToken(invocation.server.token);
  return 'namespace' in parsed ? parsed.namespace : 'default';
}

function lineOf({ tokenId, label, scope, createdAt, expiresAt }: TokenEntry): string {
  const end = expiresAt === null ? 'does not expire' : `expires ${expiresAt}`;
  return [tokenId, scope, `created ${createdAt}`, end, ...(label === '' ? [] : [label])].join('  ');
}
