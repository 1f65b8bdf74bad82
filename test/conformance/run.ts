import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { FakeGroupServer } from './fake-group-server.ts';
import { scenarios } from './group-scenarios.ts';

/**
 * Runs the scenarios for consumer groups against a worker in any language: `node test/conformance/run.ts -- COMMAND
 * ARGS`. The command is started once per scenario. It consumes the category `a` as the member POKEWIRE_MEMBER of the
 * group POKEWIRE_GROUP, with `size=2`, from the server POKEWIRE_URL, and leaves on SIGTERM. Its handler posts `{stream,
 * position, globalPosition, generation, attempt}` to POKEWIRE_URL/handled, and fails unless the answer is 2xx. It holds
 * a stream after at most five attempts. `--patience` is how many seconds it may take for each expected action, by default 20.
 */
const options = { only: { type: 'string' }, patience: { type: 'string', default: '20' } } as const;
const { values, positionals } = parseArgs({ options, allowPositionals: true });
const ours = [process.execPath, new URL('group-worker.ts', import.meta.url).pathname];
const [command, ...args] = positionals.length > 0 ? positionals : ours;
let failures = 0;
for (const [title, play] of Object.entries(scenarios)) {
  if (values.only !== undefined && !title.includes(values.only)) continue;
  const server = await FakeGroupServer.open(Number(values.patience) * 1_000);
  const env = { ...process.env, POKEWIRE_URL: server.url, POKEWIRE_GROUP: 'conformance', POKEWIRE_MEMBER: 'worker-1' };
  const worker = spawn(command!, args, { env, stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = once(worker, 'exit');
  try {
    await play(server, () => worker.kill('SIGTERM'));
    console.log(`passed  A worker ${title}.`);
  } catch (error) {
    failures++;
    console.log(`FAILED  A worker ${title}.\n        ${(error as Error).message}`);
  } finally {
    worker.kill('SIGKILL');
    await ended;
    await server.close();
  }
}
process.exitCode = failures > 0 ? 1 : 0;
