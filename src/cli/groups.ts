import { ConfigError } from '../config-error.ts';
import { askJson } from './ask.ts';
import type { Invocation } from './invocation.ts';
import { visible } from './message-lines.ts';
import { writeText } from './output.ts';
import { planResize } from './plan-resize.ts';
import { countText, messagesText } from './progress.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';

type Lag = { readonly messages: number; readonly exact: boolean; readonly seconds: number | null };

type Partition = {
  readonly partition: number;
  readonly member: string | null;
  readonly generation: number;
  readonly checkpoint: number | null;
  readonly lag: Lag;
  readonly revoking: boolean;
};

type Group = {
  readonly group: string;
  readonly category: string;
  readonly size: number;
  readonly state: string;
  readonly members: readonly {
    readonly member: string;
    readonly partitions: readonly number[];
    readonly attached: boolean;
    readonly address: string | null;
  }[];
  readonly partitions: readonly Partition[];
  readonly lag: Lag;
};

type HeldStream = {
  readonly partition: number;
  readonly stream: string;
  readonly position: number;
  readonly attempts: number;
  readonly retryAt: string | null;
  readonly error: string;
};

/** `pokewire groups`: shows the owners of partitions, their lag, and held streams. */
export async function showGroups(invocation: Invocation, terminal: Terminal): Promise<void> {
  const { server, words } = invocation;
  const size = invocation.integer('plan', 1, 1_024);
  if (size !== undefined) {
    if (words[0] === undefined) throw new ConfigError('--plan needs the name of a group.');
    await planResize(invocation, terminal, words[0], size);
    return;
  }
  const get = <T extends object>(path: string, field: keyof T) =>
    askJson<T>(server, terminal, { method: 'GET', path }, (answer) => Array.isArray(answer[field]));
  const names =
    words[0] !== undefined
      ? [words[0]]
      : (await get<{ groups: { group: string }[] }>('groups', 'groups')).groups.map(({ group }) => group);
  for (const name of names) {
    const path = `groups/${encodeURIComponent(name)}`;
    const group = await get<Group>(path, 'partitions');
    const { held } = await get<{ held: HeldStream[] }>(`${path}/parked`, 'held');
    const text = invocation.isSet('json') ? `${visible(JSON.stringify({ ...group, held }))}\n` : describe(group, held);
    await writeText(terminal.stdout, text);
  }
  if (names.length === 0 && !invocation.isSet('json')) {
    await writeText(terminal.stdout, 'There are no consumer groups. The first member to join creates one.\n');
  }
}

function describe({ group, category, size, state, members, partitions, lag }: Group, held: HeldStream[]): string {
  const title = `${visible(group)}  category ${visible(category)}, ${countText(size, 'partition')}, ${state}, ${lagText(lag)}`;
  const owners = members.map(({ member, partitions: owned, attached, address }) => [
    visible(member),
    owned.length === 0 ? 'owns nothing' : `owns ${owned.join(' ')}`,
    attached ? `connected${address === null ? '' : ` from ${address}`}` : 'connection gone',
  ]);
  const rows = partitions.map(({ partition, member, generation, checkpoint, lag: behind, revoking }) => [
    String(partition),
    visible(member ?? '-'),
    String(generation),
    String(checkpoint ?? '-'),
    lagText(behind) + (revoking ? ', moving' : ''),
  ]);
  const heading = ['partition', 'member', 'generation', 'checkpoint', 'lag'];
  return [title, ...table(owners), ...table([heading, ...rows]), ...held.map(heldLine)]
    .map((line) => `${line}\n`)
    .join('');
}

function heldLine({ stream, position, partition, attempts, retryAt, error }: HeldStream): string {
  const until = retryAt === null ? 'parked' : `held, next try at ${retryAt}`;
  return `  ${visible(`${stream}@${position}`)} of partition ${partition} is ${until}, ${countText(attempts, 'attempt')}: ${visible(error)}`;
}

function lagText({ messages, exact, seconds }: Lag): string {
  if (messages === 0 && exact) return 'caught up';
  const count = `${exact ? '' : 'at least '}${messagesText(messages)} behind`;
  return seconds === null ? count : `${count}, ${seconds.toFixed(1)} s`;
}
