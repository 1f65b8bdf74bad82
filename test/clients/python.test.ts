import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { ServerProcess } from '../support/server-process.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { ChoppingProxy } from './chopping-proxy.ts';

const hasRequests = spawnSync('python3', ['-c', 'import requests'], { stdio: 'ignore' }).status === 0;

// The usual way: requests reads a body without chunks in blocks, so the last lines arrive late or never.
const script = `
import sys, requests
with requests.get(sys.argv[1], stream=True) as response:
    for line in response.iter_lines():
        if line.startswith(b'data: '):
            print(line.decode(), flush=True)
`;

test.skipIf(!hasRequests)(
  'Python’s requests receives a single poke at once, and reports a killed server as an error (needs python3 with requests).',
  async () => {
    await using server = await ServerProcess.start(['--heartbeat-ms', '0']);
    const child = spawn('python3', ['-c', script, `${server.url}/subscribe?category=account`]);
    const ended = once(child, 'close');
    const errors = text(child.stderr);
    const lines = createInterface(child.stdout);
    await server.untilSubscriptions(1);
    for (const position of [0, 1]) {
      const next = once(lines, 'line');
      await server.append('account-1');
      const [line] = await next;
      expect(line).toBe(`data: {"stream":"account-1","position":${position},"globalPosition":${position + 1}}`);
    }
    await server.kill();
    const [code] = await ended;
    expect([code, await errors]).toEqual([1, expect.stringContaining('ChunkedEncodingError')]);
  },
);

const hasHttpxSse = spawnSync('python3', ['-c', 'import httpx, httpx_sse'], { stdio: 'ignore' }).status === 0;

// With the settings from docs/clients.md.
const loop = `
import sys, time, httpx
from httpx_sse import connect_sse
last_id = None
with httpx.Client(timeout=httpx.Timeout(5, read=10)) as client:
    while True:
        headers = {} if last_id is None else {'Last-Event-ID': last_id}
        try:
            with connect_sse(client, 'GET', sys.argv[1], headers=headers) as source:
                for event in source.iter_sse():
                    last_id = event.id
                    if event.event == 'poke':
                        print(event.data, flush=True)
        except httpx.TransportError:
            time.sleep(0.1)
`;

test.skipIf(!hasHttpxSse)(
  'Python’s httpx-sse in a loop reconnects after a cut and after a kill, and loses nothing (needs python3 with httpx-sse).',
  async () => {
    using folder = new TemporaryFolder();
    const flags = ['--store', `sqlite:${folder.file('a.db')}`];
    await using first = await ServerProcess.start(flags);
    await using proxy = await ChoppingProxy.open(Number(new URL(first.url).port));
    const child = spawn('python3', ['-c', loop, `${proxy.url}/subscribe?category=account`]);
    const positions: number[] = [];
    createInterface(child.stdout).on('line', (line) => positions.push(JSON.parse(line).position));
    const patience = { timeout: 30_000, interval: 20 };
    try {
      await first.append('account-1');
      await expect.poll(() => positions, patience).toEqual([0]);
      proxy.cut('RST');
      await first.append('account-1');
      await expect.poll(() => positions, patience).toEqual([0, 1]);
      await first.kill();
      await using second = await ServerProcess.start(flags);
      await second.append('account-1');
      proxy.pointAt(Number(new URL(second.url).port));
      await expect.poll(() => positions, patience).toEqual([0, 1, 2]);
    } finally {
      child.kill();
    }
  },
);
