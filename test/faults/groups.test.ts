import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { FencedSink } from '../support/fenced-sink.ts';
import { freePort } from '../support/free-port.ts';
import { Random } from '../support/random.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { Crowd } from './groups/crowd.ts';

/** The environment can make it run longer. */
const seconds = Number(process.env.GROUPS_SECONDS ?? 25);
const seed = Number(process.env.GROUPS_SEED ?? Math.floor(Math.random() * 2 ** 31));
const mostMembers = 5;

type Group = {
  readonly state: string;
  readonly members: readonly unknown[];
  readonly partitions: readonly { readonly lag: { readonly messages: number } }[];
};

test(
  `Members in processes of their own handle every message, each stream in order, however they and the server end (seed ${seed}).`,
  async () => {
    using folder = new TemporaryFolder();
    const random = new Random(seed);
    const port = await freePort();
    const env = { POKEWIRE_HOST: '127.0.0.1', POKEWIRE_PORT: String(port) };
    const startServer = () => new SpokenProcess(['--store', `sqlite:${folder.file('groups.db')}`], env);
    let server = startServer();
    await server.listening();
    const url = `http://127.0.0.1:${port}`;
    const pokewire = connect(url, { retry: { minMs: 50, maxMs: 500 } });
    const sink = new FencedSink();
    await using crowd = new Crowd(url, sink);
    try {
      let appended = 0;
      let isOver = false;
      const appending = (async () => {
        while (!isOver) {
          const stream = `order-${random.int(0, 29)}`;
          const messages = random.times(1, 5, () => ({ type: 'Placed', data: {} }));
          await pokewire.append(stream, messages, { retryForMs: Number.POSITIVE_INFINITY });
          appended += messages.length;
          await pause(20);
        }
      })();
      for (let n = 0; n < 3; n++) crowd.join();
      const endAtMs = performance.now() + seconds * 1_000;
      while (performance.now() < endAtMs) {
        await pause(random.int(200, 1_500));
        const names = crowd.names;
        const what = random.weighted([
          [3, 'join'],
          [2, 'leave'],
          [3, 'kill'],
          [3, 'stop'],
          [1, 'crash'],
        ]);
        if (what === 'crash') {
          server.kill('SIGKILL');
          await server.exit;
          server = startServer();
          await server.listening();
        } else if (what === 'join' || names.length <= 1) {
          if (crowd.size < mostMembers) crowd.join();
        } else if (what === 'stop') crowd.stop(random.pick(names), random.int(500, 20_000));
        else if (what === 'leave') crowd.leave(random.pick(names));
        else {
          const name = random.pick(names);
          crowd.kill(name);
          if (random.chance(0.5)) crowd.join(name);
        }
        expect(sink.breaches).toEqual([]);
      }
      isOver = true;
      await appending;
      crowd.continueAll();
      if (crowd.size === 0) crowd.join();
      await expect.poll(() => sink.handled, { timeout: 60_000, interval: 100 }).toBe(appended);
      expect(sink.breaches).toEqual([]);
      const group = () => pokewire.get<Group>('/groups/torture');
      const behind = async () => (await group()).partitions.reduce((sum, { lag }) => sum + lag.messages, 0);
      await expect.poll(behind, { timeout: 20_000, interval: 100 }).toBe(0);
      console.log({ seed, appended, repeated: sink.repeated, refused: sink.refused, ...crowd.counts });
    } finally {
      server.kill('SIGKILL');
      await server.exit;
    }
  },
  seconds * 1_000 + 120_000,
);
