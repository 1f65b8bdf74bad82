import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newToken } from '../../src/access/token.ts';
import { SseClient } from '../support/sse-client.ts';
import { Crowd } from './support/crowd.ts';
import { FaultServer, poll } from './support/server.ts';

const preload = new URL('./support/clock.ts', import.meta.url).pathname;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const json = { 'content-type': 'application/json' };

/** A server with an adjustable wall clock. */
class ClockedServer implements AsyncDisposable {
  readonly server: FaultServer;
  readonly #folder: string;

  private constructor(server: FaultServer, folder: string) {
    this.server = server;
    this.#folder = folder;
  }

  static async start(flags: readonly string[] = []): Promise<ClockedServer> {
    const folder = mkdtempSync(join(tmpdir(), 'pokewire-clock-'));
    const options = { nodeFlags: ['--import', preload], env: { FAULT_CLOCK: join(folder, 'offset') } };
    try {
      return new ClockedServer(await FaultServer.start(flags, options), folder);
    } catch (error) {
      rmSync(folder, { recursive: true });
      throw error;
    }
  }

  /** Sets the wall clock this far from the real time. */
  async setClock(offsetMs: number): Promise<void> {
    writeFileSync(join(this.#folder, 'offset'), String(offsetMs));
    const said = this.server.stderr.length;
    this.server.kill('SIGUSR2');
    await poll(() => this.server.stderr.slice(said)).toContain(`clock:${offsetMs}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]();
    rmSync(this.#folder, { recursive: true });
  }
}

const beatsOf = ({ comments }: SseClient) => comments.filter((comment) => comment === '').length;

test('When the wall clock is set, by days in either direction, heartbeats continue and no subscriber counts as stalled.', async () => {
  await using clocked = await ClockedServer.start(['--heartbeat-ms', '150', '--stall-timeout-ms', '86400000']);
  const { server } = clocked;
  await using client = await SseClient.connect(server.port, '/subscribe?category=other');
  await using frozen = await Crowd.gather({ port: server.port, count: 1 });
  frozen.freeze();
  const lagging = async () => (await server.metrics()).value('pokewire_subscriptions', { state: 'lagging' });
  let appended = 0;
  for (; (await lagging()) === 0; appended += 5_000) await server.append('load-1', 5_000);
  for (const offsetMs of [3 * dayMs, -3 * dayMs]) {
    await clocked.setClock(offsetMs);
    // Enough for the stall check, which runs once per second.
    const beats = beatsOf(client) + 10;
    await client.waitFor((now) => beatsOf(now) >= beats, 'the heartbeats');
  }
  expect(await server.subscriptions()).toBe(2);
  expect(server.logged('unsubscribed')).toEqual([]);
  frozen.thaw();
  await poll(() => frozen.report()).toMatchObject({ ready: 1, least: appended, problems: [] });
});

test('Message times never go back when the wall clock does, and appends are delivered at once.', async () => {
  await using clocked = await ClockedServer.start();
  const { server } = clocked;
  await using client = await SseClient.connect(server.port, '/subscribe?stream=a-1');
  for (const [n, offsetMs] of [0, -dayMs, hourMs, -hourMs, 0].entries()) {
    await clocked.setClock(offsetMs);
    await server.append('a-1');
    await client.waitForPokes(n + 1);
  }
  const messages: { time: string }[] = JSON.parse((await server.ask('/streams/a-1/messages')).text);
  const times = messages.map(({ time }) => Date.parse(time));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  const histogram = (await server.metrics()).value('pokewire_poke_delay_seconds_sum');
  // Measured by the monotonic clock: the total delay of five pokes, not hours or a negative number.
  expect(histogram).toBeGreaterThan(0);
  expect(histogram).toBeLessThan(60);
});

test('A token expires by the wall clock, and its subscription with it, however the clock reached that time.', async () => {
  const admin = newToken('default');
  await using clocked = await ClockedServer.start(['--token', admin]);
  const { server } = clocked;
  const expiresAt = new Date(Date.now() + hourMs).toISOString();
  const headers = { ...json, authorization: `Bearer ${admin}` };
  const body = JSON.stringify(['ns.token.create', 'default', { scope: 'read', expiresAt }]);
  const { token } = JSON.parse((await server.ask('/rpc', { method: 'POST', headers, body })).text);
  await using client = await SseClient.connect(server.port, `/subscribe?all=true&hello=true&token=${token}`);
  await clocked.setClock(-dayMs);
  expect((await server.ask(`/streams?token=${token}`)).status).toBe(200);
  await clocked.setClock(2 * hourMs);
  await client.closed;
  expect(client.events.at(-1)).toMatchObject({ type: 'end', data: '{"code":"revoked"}' });
  expect((await server.ask(`/streams?token=${token}`)).status).toBe(403);
});

test('A ticket keeps its lifetime when the wall clock is set in the meantime.', async () => {
  const admin = newToken('default');
  await using clocked = await ClockedServer.start(['--token', admin]);
  const { server } = clocked;
  const headers = { ...json, authorization: `Bearer ${admin}` };
  const askTicket = async () => {
    const body = '{"all":true}';
    const answer = await server.ask('/subscribe/ticket', { method: 'POST', headers, body });
    expect(answer.status).toBe(201);
    return JSON.parse(answer.text) as { ticket: string; expiresAt: string };
  };
  for (const offsetMs of [dayMs, -dayMs]) {
    const { ticket } = await askTicket();
    await clocked.setClock(offsetMs);
    await using client = await SseClient.connect(server.port, `/subscribe?all=true&ticket=${ticket}`);
    expect(client.head.status).toBe(200);
  }
  // The response contains the wall-clock time, which has changed.
  const { expiresAt } = await askTicket();
  expect(Date.parse(expiresAt)).toBeLessThan(Date.now() - dayMs + hourMs);
});

test('A writer refused by the rate limit of one second may append in the next, even if the clock went back.', async () => {
  await using clocked = await ClockedServer.start(['--max-appends-per-second', '2']);
  const { server } = clocked;
  const append = async () => {
    const body = '{"type":"T","data":{}}';
    return (await server.ask('/streams/a-1/messages', { method: 'POST', headers: json, body })).status;
  };
  await poll(append).toBe(429);
  await clocked.setClock(-dayMs);
  await poll(append).toBe(201);
  await poll(append).toBe(429);
  await clocked.setClock(dayMs);
  await poll(append).toBe(201);
});
