import { askJson } from './ask.ts';
import type { Invocation } from './invocation.ts';
import { visible } from './message-lines.ts';
import { writeText } from './output.ts';
import { countText } from './progress.ts';
import { table } from './table.ts';
import type { Terminal } from './terminal.ts';

type Plan = {
  readonly size: number;
  readonly streams: number;
  readonly exact: boolean;
  readonly moved: number;
  readonly perPartition: readonly {
    readonly member: string | null;
    readonly streams: number;
    readonly messagesPerDay: number;
  }[];
  readonly largest: { readonly stream: string; readonly share: number } | null;
  readonly predecessors: number;
};

/** `pokewire groups GROUP --plan SIZE`: shows what another number of partitions would change. */
export async function planResize(
  invocation: Invocation,
  terminal: Terminal,
  group: string,
  size: number,
): Promise<void> {
  const path = `groups/${encodeURIComponent(group)}/plan?size=${size}`;
  const plan = await askJson<Plan>(invocation.server, terminal, { method: 'POST', path }, (answer) =>
    Array.isArray(answer.perPartition),
  );
  const text = invocation.isSet('json') ? `${visible(JSON.stringify(plan))}\n` : describe(group, plan);
  await writeText(terminal.stdout, text);
}

function describe(group: string, { size, streams, exact, moved, perPartition, largest, predecessors }: Plan): string {
  const counted = `${exact ? '' : 'at least '}${countText(streams, 'stream')}`;
  const rows = perPartition.map(({ member, streams: own, messagesPerDay }, partition) => [
    String(partition),
    visible(member ?? '-'),
    own.toLocaleString('en'),
    Math.round(messagesPerDay).toLocaleString('en'),
  ]);
  const lines = [
    `${visible(group)} with ${countText(size, 'partition')}: ${moved.toLocaleString('en')} of ${counted} would get another owner.`,
    `Each partition would wait for ${predecessors.toLocaleString('en')} of today's.`,
    ...table([['partition', 'member', 'streams', 'messages a day'], ...rows]),
  ];
  if (largest !== null) {
    lines.push(
      `  largest stream: ${visible(largest.stream)}, ${(largest.share * 100).toFixed(1)} % of the latest messages`,
    );
  }
  return lines.map((line) => `${line}\n`).join('');
}
