import { Exposition } from '../support/exposition.ts';
import { ServerProcess } from './server-process.ts';
import { type HttpRequest, type SlowRequest, slowRequests, stores } from './slow-requests.ts';
import { type LongestTurn, TurnMeter } from './turn-meter.ts';

/** The longest turn of a request: the minimum of several measurements, because disturbances only lengthen it. */
export type SlowTurn = LongestTurn & {
  readonly title: string;
  readonly status: number;
  /** Event loop delay according to the server's own histogram, milliseconds; NaN: not measured. */
  readonly delayMs: number;
};

/** The requests, and the calibration for their longest turns. */
export type SlowTurns = { readonly calibrationMs: number; readonly turns: readonly SlowTurn[] };

export type MeasureOptions = {
  /** Maximum number of measurements per request. */
  readonly repeats: number;
  /** A turn short enough not to be measured again, given the calibration. */
  readonly enoughMs: (calibrationMs: number) => number;
  /** Whether to read the server's histogram too. */
  readonly asksHistogram: boolean;
  readonly corpus?: readonly SlowRequest[];
};

/** Above the ids and positions in the stores. */
const firstSerial = 10_000_000;

/** Measures each request of the corpus until a turn is short enough, or several times. */
export async function measureSlowTurns(options: MeasureOptions): Promise<SlowTurns> {
  const { repeats, enoughMs, asksHistogram, corpus = slowRequests } = options;
  await using server = await ServerProcess.start('--max-memory-percent', '0');
  const meter = await TurnMeter.of(server);
  const calibrationMs = await meter.calibrate();
  const boundMs = enoughMs(calibrationMs);
  const turns: SlowTurn[] = [];
  let serial = firstSerial;
  let filled: SlowRequest['store'];
  for (const { title, store, make } of corpus) {
    if (store !== undefined && store !== filled) await fill(server, store);
    filled = store ?? filled;
    let least: SlowTurn | undefined;
    for (let repeat = 0; repeat < repeats && !(least !== undefined && least.cpuMs <= boundMs); repeat++) {
      const made = make(++serial);
      const { before, request } = 'request' in made ? made : { before: undefined, request: made };
      if (before !== undefined) await send(server, before);
      // Excludes earlier garbage.
      if (repeat > 0) await server.memory();
      if (asksHistogram) await takeDelayMs(server);
      let status = 0;
      const work = async () => {
        status = await send(server, request);
      };
      const turn = await meter.longest(work);
      const delayMs = asksHistogram ? await takeDelayMs(server) : Number.NaN;
      if (least === undefined || turn.cpuMs < least.cpuMs) least = { title, status, ...turn, delayMs };
    }
    turns.push(least!);
  }
  return { calibrationMs, turns };
}

/** Interval of the histogram's timer, included in its values. */
const timerMs = 10;

/** Event loop delay since the last call, milliseconds. */
async function takeDelayMs(server: ServerProcess): Promise<number> {
  await server.evaluate(`new Promise((resolve) => setTimeout(resolve, ${2 * timerMs}))`);
  const response = await fetch(`http://127.0.0.1:${server.port}/metrics`);
  const seconds = new Exposition(await response.text()).value('nodejs_eventloop_lag_max_seconds');
  return Math.max(0, seconds * 1_000 - timerMs);
}

async function fill(server: ServerProcess, store: keyof typeof stores): Promise<void> {
  const records = stores[store]();
  for (let from = 0; from < records.length; from += 20_000) {
    await send(server, { method: 'POST', path: '/import', body: records.slice(from, from + 20_000).join('') });
  }
}

/** Sends a request and returns the answer's status. Reads the answer to its end or, if it is endless, for a while. */
async function send(server: ServerProcess, { method, path, body }: HttpRequest): Promise<number> {
  const isEndless = path.startsWith('/subscribe?');
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, {
    method,
    ...(body === undefined ? {} : { body, headers: { 'content-type': 'application/json' } }),
    ...(isEndless ? { signal: AbortSignal.timeout(500) } : {}),
  });
  try {
    for await (const _chunk of response.body ?? []);
  } catch (error) {
    if (!isEndless) throw error;
  }
  return response.status;
}
