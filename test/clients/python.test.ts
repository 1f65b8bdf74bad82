import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { ServerProcess } from '../support/server-process.ts';

const hasRequests = spawnSync('python3', ['-c', 'import requests'], { stdio: 'ignore' }).status === 0;

// As people write it: requests reads a body without chunks by size, and then gives the last lines out late or never.
const script = `
import sys, requests
with requests.get(sys.argv[1], stream=True) as response:
    for line in response.iter_lines():
        if line.startswith(b'data: '):
            print(line.decode(), flush=True)
`;

test.skipIf(!hasRequests)(
  'Python’s requests is told a lone poke at once, and a server that is killed is an error (needs python3 with requests).',
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
  30_000,
);
