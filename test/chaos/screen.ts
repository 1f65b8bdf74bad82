import { styleText } from 'node:util';
import type { Chaos, Wrong } from './chaos.ts';
import type { MemberState } from './member.ts';

type Style = Parameters<typeof styleText>[0];

const looks: Record<MemberState, { readonly sign: string; readonly style: Style }> = {
  up: { sign: '●', style: 'green' },
  killed: { sign: '✕', style: 'red' },
  frozen: { sign: '❄', style: 'cyan' },
  'cut off': { sign: '≠', style: 'cyan' },
  'disk full': { sign: '■', style: 'cyan' },
  'comes back': { sign: '◌', style: 'yellow' },
};
const bars = '▁▂▃▄▅▆▇█';
const historySeconds = 48;
const number = new Intl.NumberFormat('en');

/** Counts per second, for the last seconds. */
export class History {
  readonly #counts: number[] = [];
  #total = 0;

  /** Call each second with the total. */
  add(total: number): void {
    this.#counts.push(total - this.#total);
    if (this.#counts.length > historySeconds) this.#counts.shift();
    this.#total = total;
  }

  /** One bar per second. */
  toString(): string {
    const most = Math.max(1, ...this.#counts);
    return this.#counts.map((count) => bars[Math.ceil((count / most) * (bars.length - 1))]).join('');
  }
}

/** `0 lost, 0 doubled, 0 out of order`. */
export function verdictOf({ lost, doubled, disordered }: Wrong): string {
  return `${number.format(lost)} lost, ${number.format(doubled)} doubled, ${number.format(disordered)} out of order`;
}

/** The whole state for a terminal, without colours if it has none. */
export function screenOf(chaos: Chaos, history: History, nodePorts: ReadonlyMap<string, number>): string[] {
  const { members, readers, stored, unanswered, wrong, phase, fault } = chaos;
  const paint = (style: Style, text: string) => styleText(style, text, { stream: process.stdout });
  const listeners = Map.groupBy(readers, ({ at }) => at);
  const width = Math.max(...members.map(({ name }) => name.length));
  const memberLine = ({ name, state }: (typeof members)[number]) => {
    const { sign, style } = looks[state];
    const port = nodePorts.get(name);
    const here = port === undefined || state !== 'up' ? '' : `  ${listeners.get(port)?.length ?? 0} subscribers`;
    return `  ${paint(style, sign)} ${name.padEnd(width)}  ${paint(style, state.padEnd(10))}${paint('dim', here)}`;
  };
  const told = readers.reduce((sum, { judge }) => sum + judge.told, 0);
  const back = readers.reduce((sum, { connections }) => sum + Math.max(0, connections - 1), 0);
  const happened = [...chaos.inflicted].map(([name, count]) => `${count} × ${name}`).join(', ');
  const doing = { chaos: fault ?? 'a moment of calm', settles: 'everybody receives the rest', over: 'over' }[phase];
  return [
    '',
    `  ${paint('bold', 'Pokewire under chaos')}  ${clock(chaos.elapsedMs)} of ${clock(chaos.durationMs)}  ${paint('dim', doing)}`,
    '',
    ...members.map(memberLine),
    '',
    `  ${number.format(stored)} messages acknowledged, ${number.format(unanswered)} tries repeated  ${paint('cyan', history.toString())}`,
    `  ${number.format(told)} pokes to ${readers.length} subscribers, who came back ${number.format(back)} times`,
    `  ${happened === '' ? 'nothing has happened yet' : happened}`,
    '',
    `  ${paint(['bold', chaos.isClean ? 'green' : 'red'], verdictOf(wrong))}`,
    '',
  ];
}

function clock(ms: number): string {
  const seconds = Math.floor(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}
