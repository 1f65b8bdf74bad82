import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { connect } from '../../src/client/client.ts'; // 'pokewire/client' where the package is installed.
import { Sink } from './sink.js';

const [url = 'http://localhost:8080', seconds = '30', killEvery = '4'] = process.argv.slice(2);
const pokewire = connect(url);
const sink = new Sink();
const workers = new Map();
let isEnding = false;
let isLeaving = false;
let kills = 0;

function start(name) {
  const script = new URL('worker.js', import.meta.url).pathname;
  const worker = spawn(process.execPath, [script, url, name], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  worker.on('message', (record) => sink.write(record));
  worker.once('exit', () => !isLeaving && start(name));
  workers.set(name, worker);
}

async function append() {
  for (let count = 0; !isEnding; count++) {
    await pokewire.append(
      `order-${run}.${count % 20}`,
      [1, 2, 3, 4, 5].map(() => ({ type: 'Placed', data: {} })),
    );
    appended += 5;
    await pause(50);
  }
}

async function kill() {
  for (;;) {
    await pause(Number(killEvery) * 1_000);
    if (isEnding) return;
    const [name, worker] = [...workers][Math.floor(Math.random() * workers.size)];
    worker.kill('SIGKILL');
    kills++;
    console.log(`killed ${name}`);
  }
}

function tell() {
  const { handled, outOfOrder, lost, repeated, refused } = sink;
  console.log(
    `${handled} of ${appended} handled, ${outOfOrder} out of order, ${lost} lost (${repeated} repeated, ${refused} refused, ${kills} kills)`,
  );
}

/** Streams of another run have messages that this sink has not seen. */
const run = Date.now();
let appended = 0;
for (const name of ['worker-1', 'worker-2', 'worker-3']) start(name);
const telling = setInterval(tell, 1_000);
const all = [append(), kill()];
const interrupted = once(process, 'SIGINT');
await Promise.race([pause(Number(seconds) * 1_000), interrupted]);
isEnding = true;
await Promise.all(all);
for (let waited = 0; sink.handled < appended && waited < 60; waited++) await pause(1_000);
clearInterval(telling);
isLeaving = true;
for (const worker of workers.values()) worker.kill('SIGTERM');
await Promise.all(
  [...workers.values()].map((worker) => worker.exitCode === null && worker.signalCode === null && once(worker, 'exit')),
);
sink.lost += appended - sink.handled - sink.lost;
tell();
process.exitCode = sink.lost + sink.outOfOrder > 0 ? 1 : 0;
