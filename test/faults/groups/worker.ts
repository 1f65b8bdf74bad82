/**
 * A process with members of several groups, whose handlers report their writes to the parent's sink. It ends with its
 * parent.
 */
import { connect, type GroupWorker } from '../../../src/client/client.ts';
import type { Command, Handled, MemberName, Report } from './messages.ts';

const [url, category, mostMs] = process.argv.slice(2);
/** Longest duration of a handler, longer than a lease in long runs. */
const slowMs = Number(mostMs);
const pokewire = connect(url!, { retry: { minMs: 50, maxMs: 500 } });
const members = new Map<string, GroupWorker>();
const answers = new Map<number, () => void>();
let writes = 0;
/** Whether the next handler waits before it writes. */
let waitsInside = false;
let goOn: (() => void) | undefined;

/**
 * The last reading of the clock, which all processes of the machine share. The client reads it right before it starts a
 * handler. If this process is frozen between the two, the handler starts late, which no lease can prevent. So only the
 * reading can be judged.
 */
let lookedAtMs = 0;
const ownNow = performance.now.bind(performance);
const originMs = Number(process.hrtime.bigint()) / 1e6 - ownNow();
performance.now = () => {
  const nowMs = ownNow();
  lookedAtMs = originMs + nowMs;
  return nowMs;
};

function tell(report: Report): void {
  process.send!(report);
}

/** Resolves when the sink has answered, like a write to a database. */
function write(handled: Handled): Promise<void> {
  const number = writes++;
  tell({ what: 'write', write: number, ...handled });
  return new Promise((resolve) => answers.set(number, resolve));
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Duration of a handler; sometimes longer than its lease. */
function drawMs(): number {
  const draw = Math.random();
  if (draw < 0.003) return Math.random() * slowMs;
  return draw < 0.03 ? Math.random() * Math.min(slowMs, 400) : Math.random() * 3;
}

function join({ group, member }: MemberName): void {
  const worker = pokewire.consume(
    { category: category!, group, member },
    async ({ stream, position }, { attempt, generation, signal }) => {
      const handled = { group, member, stream, position, generation };
      tell({ what: 'started', atMs: lookedAtMs, attempt, ...handled });
      if (waitsInside) {
        waitsInside = false;
        tell({ what: 'inside', ...handled });
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        return write(handled);
      }
      await pause(drawMs());
      // Every second handler continues after its lease has expired.
      if (signal.aborted && Math.random() < 0.5) throw signal.reason;
      if (Math.random() < (attempt > 1 ? 0.5 : 0.01)) {
        tell({ what: 'failed', ...handled });
        throw new Error('this attempt fails');
      }
      await write(handled);
    },
    { retryMs: [20, 100], retryHeld: { minMs: 300, maxMs: 5_000 }, maxAttempts: 1_000 },
  );
  members.set(`${group}/${member}`, worker);
  const ended = (error: string | undefined) => {
    members.delete(`${group}/${member}`);
    tell({ what: 'ended', error, group, member });
  };
  worker.done.then(
    () => ended(undefined),
    (error: unknown) => ended(String(error)),
  );
}

process.on('message', (command: Command) => {
  if (command.do === 'join') join(command);
  else if (command.do === 'leave') {
    const { group, member, keepMs } = command;
    // The end of a member is reported to the parent.
    members
      .get(`${group}/${member}`)
      ?.stop({ keepMs })
      .catch(() => {});
  } else if (command.do === 'wait inside') waitsInside = true;
  else if (command.do === 'go on') {
    waitsInside = false;
    if (goOn === undefined) tell({ what: 'none inside' });
    goOn?.();
    goOn = undefined;
  } else {
    answers.get(command.write)?.();
    answers.delete(command.write);
  }
});
process.once('disconnect', () => process.exit());
