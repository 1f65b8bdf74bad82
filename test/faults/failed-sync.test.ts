import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { SseClient } from '../support/sse-client.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { FaultServer } from './support/server.ts';

const hasCompiler = spawnSync('gcc', ['--version']).status === 0 && process.platform === 'linux';

test.skipIf(!hasCompiler)(
  'A store whose disk fails to sync ends the process in an orderly way with exit code 1, and the next start has every acknowledged append (needs gcc, on Linux).',
  async () => {
    using folder = new TemporaryFolder();
    const library = folder.file('fail-syncs.so');
    const source = new URL('fail-syncs.c', import.meta.url).pathname;
    const compiled = spawnSync('gcc', ['-shared', '-fPIC', '-O1', '-o', library, source, '-ldl']);
    expect(compiled.stderr.toString()).toBe('');
    const trigger = folder.file('trigger');
    const flags = [`--store=sqlite:${folder.file('pokewire.db')}`];
    await using server = await FaultServer.start(flags, { env: { LD_PRELOAD: library, FAIL_SYNCS: trigger } });
    await server.append('a-1', 3);
    await using client = await SseClient.connect(server.port, '/subscribe?category=a&hello=true');
    await client.waitForPokes(3);
    writeFileSync(trigger, '');
    const { status } = await server.ask('/streams/a-1/messages', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"type":"Happened","data":{}}',
    });
    expect(status).toBe(500);
    expect(await server.exit).toBe(1);
    const [line] = server.logged('the store failed and must be reopened: the process exits');
    expect([line.level, line.err.message]).toEqual([60, 'disk I/O error']);
    await client.closed;
    // The subscriber was asked to reconnect, and received its cursor.
    expect(client.events.at(-1)).toMatchObject({ type: 'end', data: expect.stringContaining('"draining"') });
    rmSync(trigger);
    await using next = await FaultServer.start(flags);
    await using resumed = await SseClient.connect(next.port, '/subscribe?category=a', {
      headers: { 'last-event-id': client.pokes.at(-1)!.id },
    });
    // The failed append may have been stored, since its writer got no definite answer.
    await next.append('a-2', 1);
    const pokes = await resumed.waitForPokes(1);
    expect(pokes[0]!.globalPosition).toBeGreaterThan(3);
    const kept = await next.ask('/streams/a-1/messages');
    expect(JSON.parse(kept.text).length).toBeGreaterThanOrEqual(3);
  },
);
