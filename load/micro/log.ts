/** A log line of a request, and where lines go: gathered by us or by pino's own destination. */
import { openSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type DestinationStream, pino } from 'pino';
import { LogBlocks } from '../../src/telemetry/log-blocks.ts';
import { type Cost, measureAsync } from './bench.ts';

const linesPerTurn = 64;

function logLines(destination: DestinationStream) {
  const log = pino({}, destination);
  return async (count: number) => {
    for (let made = 0; made < count; made++) {
      log.info(
        { id: `req-${made}`, method: 'POST', path: '/streams/account-1/messages', status: 201, ms: 1.5 },
        'request',
      );
      if (made % linesPerTurn === 0) await nextTurn();
    }
  };
}

export async function log(): Promise<Record<string, Cost>> {
  const costs: Record<string, Cost> = {};
  const add = async (name: string, destination: DestinationStream) => {
    costs[name] = await measureAsync(name, logLines(destination));
  };
  await add('log line, to nowhere', { write: () => {} });
  await add('log line, gathered in blocks', new LogBlocks(openSync('/dev/null', 'w')));
  await add('log line, pino.destination', pino.destination({ dest: '/dev/null', sync: false, minLength: 8_192 }));
  return costs;
}
