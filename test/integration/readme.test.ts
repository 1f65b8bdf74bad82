import { Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { FrameBatch } from '../../src/hub/frame-batch.ts';
import { readText } from '../support/monitoring.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

const readme = readText('README.md');

/** Code blocks of a chapter, in order. */
function blocksOf(heading: string): string[] {
  const chapter = readme.split(`\n## ${heading}\n`)[1]!.split('\n## ')[0]!;
  return [...chapter.matchAll(/^```\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

/** The path requested by a curl command, and the output after it. */
function requestOf(block: string): { path: string; body: string | undefined; output: string } {
  const [command = '', ...output] = block.split('\n');
  const [, path = ''] = /localhost:8080(\/[^' ]*)/.exec(command)!;
  return { path, body: / -d '([^']*)'/.exec(command)?.[1], output: output.join('\n') };
}

/** Removes the parts of a text that differ between runs. */
function masked(text: string): string {
  return text
    .replace(/^retry: \d+$/m, 'retry: N')
    .replace(/^id: 1-[0-9a-f]{12}$/m, 'id: 1-LOG')
    .replace(/"id":"[0-9a-f-]{36}"/, '"id":"UUID"')
    .replace(/"time":"[\d-]{10}T[\d:.]{12}Z"/, '"time":"TIME"');
}

/** A live subscriber, so that the following pokes do not come from a catch-up. */
async function subscribeLive(app: TestApp, path: string): Promise<SseClient> {
  const reader = await SseClient.connect(app.port, path);
  const live = 'pokewire_subscriptions{kind="category",state="live"} 1';
  await vi.waitFor(async () => expect((await app.get('/metrics')).text).toContain(live), { timeout: 20_000 });
  return reader;
}

test('The README’s transcript matches the server’s output.', async () => {
  const [subscribing = '', appending = '', poke = '', reading = ''] = blocksOf('Try it');
  await using app = await startTestApp();
  const { path, output: greeting } = requestOf(subscribing);
  await using reader = await subscribeLive(app, path);
  expect(masked(reader.bytes.toString())).toBe(masked(greeting));

  const append = requestOf(appending);
  const answer = await fetch(app.url + append.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: append.body!,
  });
  expect(`${await answer.text()}\n`).toBe(append.output);
  await reader.waitForPokes(1);
  expect(masked(reader.bytes.toString())).toBe(masked(greeting + poke));

  const read = requestOf(reading);
  expect(masked(`${(await app.get(read.path)).text}\n`)).toBe(masked(read.output));
});

/** Source files on the stack, outermost first, without repetitions; engines appear as the interface they implement. */
function filesOnStack(): string[] {
  const files = [...new Error().stack!.matchAll(/\/src\/([\w/-]+\.ts)/g)].map(([, file = '']) => file).reverse();
  const hops = files.map((file) => (file.startsWith('store/memory/') ? 'store/log.ts' : file));
  return hops.filter((file, at) => file !== hops[at - 1]);
}

test('A poke takes the path of the README’s picture, by stack traces where it is batched and where it is written.', async () => {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 100;
  onTestFinished(() => {
    Error.stackTraceLimit = limit;
    vi.restoreAllMocks();
  });
  await using app = await startTestApp();
  await using reader = await subscribeLive(app, '/subscribe?category=account');

  const trace: string[] = [];
  const { add } = FrameBatch.prototype;
  vi.spyOn(FrameBatch.prototype, 'add').mockImplementation(function (this: FrameBatch, ...args) {
    trace.push(...filesOnStack());
    return add.apply(this, args);
  });
  const { write } = Socket.prototype;
  vi.spyOn(Socket.prototype, 'write').mockImplementation(function (this: Socket, ...args: unknown[]) {
    if (args[0] instanceof Uint8Array && Buffer.from(args[0]).includes('event: poke')) trace.push(...filesOnStack());
    return Reflect.apply(write, this, args);
  });
  await app.append('account-1', { type: 'Deposited', data: {} });
  await reader.waitForPokes(1);

  const [picture = ''] = blocksOf('How it works');
  const hops = [...picture.split('▲')[0]!.matchAll(/\b[a-z]+(?:\/[a-z-]+)+\.ts/g)].map(([file]) => file);
  expect(trace.slice(trace.indexOf('http/routes/append.ts'))).toEqual(hops);
});
