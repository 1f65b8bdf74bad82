import { BackOff, pause } from '../../src/client/back-off.ts';
import { call } from '../../src/client/callback.ts';
import { ClientError } from '../../src/client/client-error.ts';
import { readConnection } from '../../src/client/connection.ts';
import type { GroupHandler } from '../../src/client/groups/consume-group.ts';
import { GroupMember } from '../../src/client/groups/group-member.ts';
import { readPage } from '../../src/client/messages.ts';
import { Transport } from '../../src/client/transport.ts';
import type { WorkerSource } from '../../src/client/worker-source.ts';
import { Random } from '../support/random.ts';
import { ClientNetwork } from './client-network.ts';
import type { SimNode } from './sim-node.ts';
import type { Actor } from './timeline.ts';
import { runIn, type VirtualProcess } from './virtual-process.ts';
import type { World, WorldWorker } from './world.ts';

/** Actions of a stream's handlers that are printed with a violation of its order. */
const keptActions = 60;

/** A process with a member of `pokewire/client`, unchanged, in virtual time. */
export class ClientWorker implements WorldWorker {
  readonly actor: Actor;
  readonly name: string;
  isLeaving = false;
  isSucceeded = false;
  readonly #world: World;
  readonly #random: Random;
  readonly #process: VirtualProcess;
  readonly #network: ClientNetwork;
  readonly #stopping = new AbortController();
  /** What happens while it is frozen, in the order of each channel. */
  #frozen: { readonly channel: string; readonly run: () => void }[] | undefined = undefined;

  constructor(world: World, name: string) {
    const { time } = world;
    this.#world = world;
    this.#random = new Random(time.random.int(0, 2 ** 31 - 1));
    this.name = name;
    this.actor = time.actor();
    const random = this.#random;
    this.#process = {
      now: () => time.local(this.actor),
      random: () => random.int(0, 2 ** 31 - 1) / 2 ** 31,
      after: (ms, run) => {
        let isCancelled = false;
        time.after(ms / this.actor.rate, undefined, () =>
          this.enter('timers', () => {
            if (!isCancelled) run();
          }),
        );
        return () => {
          isCancelled = true;
        };
      },
    };
    this.#network = new ClientNetwork(world, this, random);
    this.enter('start', () => this.#start());
  }

  get session(): string | undefined {
    return undefined;
  }

  set isCut(isCut: boolean) {
    this.#network.isCut = isCut;
  }

  /** The sink judges its writes; its leases are not known here. */
  claims(): boolean {
    return false;
  }

  step(): void {}

  /** Runs code of the process, or once it is no longer frozen. */
  enter(channel: string, run: () => void): void {
    if (!this.actor.isAlive) return;
    if (this.#frozen === undefined) runIn(this.#process, run);
    else this.#frozen.push({ channel, run });
  }

  freeze(ms: number): void {
    if (this.#frozen !== undefined || !this.actor.isAlive) return;
    this.#frozen = [];
    this.#world.time.after(ms, undefined, () => this.#thaw());
  }

  kill(): void {
    this.actor.isAlive = false;
    this.#network.vanish();
  }

  cut(): void {
    this.#network.reset();
  }

  leave(): void {
    if (this.isLeaving) return;
    this.isLeaving = true;
    const { random } = this.#world.time;
    const keepMs = random.chance(0.3) ? random.int(1_000, 20_000) : 0;
    this.enter('signals', () => this.#stopping.abort({ keepMs }));
  }

  lostNode(node: Actor): void {
    this.#network.lostNode(node);
  }

  logReplaced(node: SimNode): void {
    this.#network.logReplaced(node);
  }

  /** The order of what arrived from different sockets is lost. */
  #thaw(): void {
    const waiting = this.#frozen!;
    this.#frozen = undefined;
    while (waiting.length > 0) {
      const { channel } = this.#random.pick(waiting);
      const [next] = waiting.splice(
        waiting.findIndex((first) => first.channel === channel),
        1,
      );
      this.#world.time.after(0, undefined, () => this.enter(channel, next!.run));
    }
  }

  #start(): void {
    const random = this.#random;
    const transport = new Transport('http://node', {
      fetch: ((url: string, init: RequestInit) => this.#network.fetch(new URL(url), init)) as typeof fetch,
      retry: { minMs: 50, maxMs: 500 },
    });
    const source = { transport, read: readPage, connect: readConnection, BackOff, call, pause, ClientError };
    const options = {
      retryMs: random.pick([[], [20], [20, 100]]),
      retryHeld: { minMs: random.pick([100, 300, 2_000]), maxMs: 5_000 },
      maxAttempts: random.pick([2, 5, 8]),
      concurrency: random.pick([1, 2, 8]),
      batchSize: random.pick([1, 3, 100]),
    };
    const member = new GroupMember<{ epoch: string }>(
      source as unknown as WorkerSource,
      { category: 's', group: 'g', member: this.name },
      this.#handler(),
      options,
      this.#stopping.signal,
    );
    member.run().then(
      () => {
        this.actor.isAlive = false;
        this.#network.vanish();
      },
      (error: unknown) => {
        if (this.actor.isAlive) this.#world.time.failure ??= error;
      },
    );
  }

  #handler(): GroupHandler<{ epoch: string }> {
    const random = this.#random;
    const { logs, time } = this.#world;
    return async ({ stream, position, data }, { attempt, generation, signal }) => {
      const log = logs.of(data.epoch);
      const index = log.indexOf(stream);
      const message = log.message(index, position)!;
      const actions = this.#world.actions.getOrInsertComputed(`${data.epoch}/${index}`, () => []);
      const note = (action: string) => {
        actions.push(`${Math.round(time.now)} ${this.name} ${action} ${position} of ${generation}, ${attempt}`);
        if (actions.length > keptActions) actions.shift();
      };
      note('starts');
      this.#world.count('handlers');
      const ms = !this.#world.isTroubled || random.chance(0.9) ? random.int(1, 300) : random.int(300, 20_000);
      await pause(ms, random.chance(0.3) ? signal : undefined);
      if (signal.aborted && random.chance(0.5)) {
        note('gives up');
        throw signal.reason;
      }
      if (message.failures > 0) {
        message.failures--;
        note('fails');
        throw new Error('fails');
      }
      await pause(random.int(1, 50));
      note('writes');
      try {
        log.take(message, generation);
      } catch (error) {
        time.failure ??= new Error(`${(error as Error).message} after: ${actions.join('; ')}`);
      }
      await pause(random.int(1, 50));
    };
  }
}
