import { describe, expect, test } from 'vitest';
import type { MemorySource } from '../../src/admission/process-meter.ts';
import { Exposition } from '../support/exposition.ts';
import { ServerProcess } from '../support/server-process.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';

const busyLoop = new URL('../support/busy-loop.ts', import.meta.url).pathname;
const message = { type: 'T', data: {} };

/** Sampled twice per second, and overload ends only after five calm samples. */
const patience = { timeout: 50_000, interval: 50 };

/** A process that uses this much of its container's 100 MiB. */
class ContainedMemory implements MemorySource {
  usedMebibytes = 10;

  memoryUsage() {
    return { rss: this.usedMebibytes * 1_048_576, heapTotal: 0, heapUsed: 0 };
  }

  constrainedMemory(): number {
    return 100 * 1_048_576;
  }
}

async function ask(url: string, init?: RequestInit) {
  const response = await fetch(url, init);
  const text = await response.text();
  const body = text.startsWith('{') ? JSON.parse(text) : undefined;
  return { status: response.status, text, body, retryAfter: response.headers.get('retry-after') };
}

function post(body: string): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body };
}

describe('A server short of memory', () => {
  test('refuses subscriptions, appends, imports and reads, keeps its subscribers, and recovers.', async () => {
    const memory = new ContainedMemory();
    await using app = await startTestApp(['--max-memory-percent', '80'], { memory });
    await using reader = await SseClient.subscribe(app.port, '/subscribe?all=true');
    await app.append('a-1', message);

    memory.usedMebibytes = 81;
    await expect.poll(async () => (await app.get('/ready')).status, patience).toBe(503);
    const { body, headers } = await app.get('/ready');
    expect(headers.get('retry-after')).toMatch(/^\d+$/);
    expect(body.error).toMatchObject({
      code: 'NOT_READY',
      message: 'The server is overloaded: it is short of memory.',
      details: { reasons: ['memory'] },
    });
    const refused = [
      await ask(`${app.url}/subscribe?all=true`),
      await ask(`${app.url}/streams/a-1/messages`, post('{"type":"T","data":{}}')),
      await ask(`${app.url}/rpc`, post('["stream.write","a-1",{"type":"T","data":{}}]')),
      await ask(`${app.url}/import`, post('')),
      await ask(`${app.url}/export`),
      await ask(`${app.url}/streams`),
      await ask(`${app.url}/streams/a-1/messages`),
      await ask(`${app.url}/rpc`, post('["category.get","a"]')),
    ];
    for (const { status, body, retryAfter } of refused) {
      expect([status, body.error.code, body.error.details]).toEqual([503, 'OVERLOADED', { reasons: ['memory'] }]);
      expect(retryAfter).toMatch(/^([5-9]|1[0-5])$/);
    }
    expect((await app.get('/health')).status).toBe(200);
    const metrics = new Exposition((await app.get('/metrics')).text);
    expect(metrics.value('pokewire_overloaded', { reason: 'memory' })).toBe(1);
    expect(metrics.value('pokewire_overloaded', { reason: 'event-loop' })).toBe(0);
    expect(metrics.value('pokewire_memory_used_ratio')).toBeCloseTo(0.81);
    expect(metrics.value('pokewire_subscriptions_refused_total', { reason: 'overloaded' })).toBe(1);
    expect(metrics.value('pokewire_reads_refused_total', { reason: 'overloaded' })).toBe(4);
    expect(metrics.value('pokewire_ready')).toBe(0);

    memory.usedMebibytes = 75;
    await expect.poll(async () => (await app.get('/ready')).status, patience).toBe(200);
    expect((await app.append('a-1', message)).status).toBe(201);
    await reader.waitForPokes(2);
    await using newcomer = await SseClient.connect(app.port, '/subscribe?stream=a-1');
    await newcomer.waitForPokes(2);
  });
});

describe('A process whose event loop is held up', () => {
  test('refuses new subscriptions, delivers everything to open ones, and recovers.', async () => {
    const flags = ['--max-event-loop-delay-ms', '100'];
    await using server = await ServerProcess.start(flags, '127.0.0.1', ['--import', busyLoop]);
    const port = Number(new URL(server.url).port);
    await using reader = await SseClient.subscribe(port, '/subscribe?category=a');

    server.signal('SIGUSR2');
    await expect.poll(async () => (await ask(`${server.url}/ready`)).status, patience).toBe(503);
    expect((await ask(`${server.url}/ready`)).body.error).toMatchObject({
      code: 'NOT_READY',
      details: { reasons: ['event-loop'] },
    });
    const refused = await Promise.all(Array.from({ length: 20 }, () => ask(`${server.url}/subscribe?category=a`)));
    for (const { status, body } of refused) expect([status, body.error.code]).toEqual([503, 'OVERLOADED']);
    expect(new Set(refused.map(({ retryAfter }) => retryAfter)).size).toBeGreaterThan(2);
    await server.append('a-1');
    await reader.waitForPokes(1);
    const during = new Exposition((await ask(`${server.url}/metrics`)).text);
    expect(during.value('pokewire_overloaded', { reason: 'event-loop' })).toBe(1);
    expect(during.value('pokewire_subscriptions_refused_total', { reason: 'overloaded' })).toBe(20);
    expect(during.value('pokewire_subscriptions')).toBe(1);

    server.signal('SIGUSR2');
    await expect.poll(async () => (await ask(`${server.url}/ready`)).status, patience).toBe(200);
    await server.append('a-1');
    await reader.waitForPokes(2);
    await using newcomer = await SseClient.connect(port, '/subscribe?category=a');
    await newcomer.waitForPokes(2);
    expect(reader.pokes.map(({ position }) => position)).toEqual([0, 1]);
  });
});
