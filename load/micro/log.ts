/** A request's log line, complete or with a child logger's method and status; and its destination: ours or pino's. */
import { openSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { LogBlocks } from '../../src/telemetry/log-blocks.ts';
import { type Cost, measureAsync } from './bench.ts';

type WriteLine = (log: Logger, number: number) => void;

const linesPerTurn = 64;
const path = '/streams/account-1/messages';

const whole: WriteLine = (log, number) => {
  log.info({ id: `req-${number}`, method: 'POST', path, status: 201, ms: 1.5 }, 'request');
};
const rest: WriteLine = (log, number) => {
  log.info({ id: `req-${number}`, path, ms: 1.5 }, 'request');
};

export async function log(): Promise<Record<string, Cost>> {
  const costs: Record<string, Cost> = {};
  const add = async (name: string, log: Logger, writeLine: WriteLine) => {
    costs[name] = await measureAsync(name, async (count) => {
      for (let made = 0; made < count; made++) {
        writeLine(log, made);
        if (made % linesPerTurn === 0) await nextTurn();
      }
    });
  };
  const blocks = () => new LogBlocks(openSync('/dev/null', 'w'));
  await add('log line, to nowhere', pino({}, { write: () => {} }), whole);
  await add('log line, gathered in blocks', pino({}, blocks()), whole);
  await add('log line of a child, gathered in blocks', pino({}, blocks()).child({ method: 'POST', status: 201 }), rest);
  const destination = pino.destination({ dest: '/dev/null', sync: false, minLength: 8_192 });
  await add('log line, pino.destination', pino({}, destination), whole);
  return costs;
}
