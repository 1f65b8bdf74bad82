import { afterAll, describe, test } from 'vitest';
import { ServerProcess } from '../support/server-process.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { ChoppingProxy, type Cut } from './chopping-proxy.ts';
import { closeBrowser } from './pages.ts';
import { type Heard, programs } from './programs.ts';

const flags = ['--retry-min-ms', '20', '--retry-max-ms', '40', '--heartbeat-ms', '100'];
const patience = { timeout: 30_000, interval: 20 };

afterAll(closeBrowser);

const portOf = ({ url }: ServerProcess) => Number(new URL(url).port);

const message = { type: 'Deposited', data: {} };

/** Appends one message after another. */
async function appendTo(server: Pick<TestApp, 'append'> | ServerProcess, stream: string, count: number): Promise<void> {
  for (let n = 0; n < count; n++) await server.append(stream, message);
}

const told = ({ pokes }: Heard) => pokes.map((data) => JSON.parse(data) as { stream: string; position: number });
const positionsIn = (heard: Heard, stream: string) =>
  told(heard).flatMap((poke) => (poke.stream === stream ? [poke.position] : []));
const upTo = (count: number) => Array.from({ length: count }, (_, position) => position);

// The tests of several clients run at the same time, so they take `expect` from their context.
describe.concurrent.each(Object.entries(programs))('%s', (name, subscribe) => {
  // `: ready` ends with the one blank line that clients need, and this client treats it as an event.
  const emptyPerConnection = name === 'fetch-event-source' ? 1 : 0;

  test.for<Cut>(['FIN', 'RST'])(
    'reconnects automatically after a %s in the middle, and loses nothing',
    async (cut, { expect }) => {
      await using server = await startTestApp(flags);
      await using proxy = await ChoppingProxy.open(server.port);
      const heard: Heard = { pokes: [], emptyEvents: 0 };
      const stop = await subscribe(`${proxy.url}/subscribe?category=account`, heard);
      await appendTo(server, 'account-1', 3);
      await expect.poll(() => heard.pokes.length, patience).toBe(3);
      proxy.cut(cut);
      await appendTo(server, 'account-1', 3);
      await expect.poll(() => heard.pokes.length, patience).toBe(6);
      await stop();
      expect(positionsIn(heard, 'account-1')).toEqual(upTo(6));
      expect(heard.emptyEvents).toBeLessThanOrEqual(2 * emptyPerConnection);
    },
  );

  test.for([
    ['longer', 8],
    ['shorter', 2],
  ] as const)(
    'receives all of another log at the same address after the server was killed: %s',
    async ([_what, count], { expect }) => {
      await using first = await ServerProcess.start(flags);
      await using second = await startTestApp(flags);
      await using proxy = await ChoppingProxy.open(portOf(first));
      const heard: Heard = { pokes: [], emptyEvents: 0 };
      const stop = await subscribe(`${proxy.url}/subscribe?category=account`, heard);
      await appendTo(first, 'account-1', 5);
      await expect.poll(() => heard.pokes.length, patience).toBe(5);
      await appendTo(second, 'account-2', count);
      proxy.pointAt(second.port);
      await first.kill();
      await expect.poll(() => heard.pokes.length, patience).toBe(5 + count);
      await appendTo(second, 'account-2', 1);
      await expect.poll(() => heard.pokes.length, patience).toBe(6 + count);
      await stop();
      expect(positionsIn(heard, 'account-1')).toEqual(upTo(5));
      expect(positionsIn(heard, 'account-2')).toEqual(upTo(count + 1));
      expect(heard.emptyEvents).toBeLessThanOrEqual(2 * emptyPerConnection);
    },
  );
});
