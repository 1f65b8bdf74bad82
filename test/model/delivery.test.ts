import fc from 'fast-check';
import { test } from 'vitest';
import type { ModelCommand } from './command.ts';
import { finish } from './finish.ts';
import { readerCommands } from './reader-commands.ts';
import { createAll, serverCommands } from './server-commands.ts';
import { Site, type SiteSettings } from './site.ts';
import { World } from './world.ts';
import { writeCommands } from './write-commands.ts';

/*
 * Commands in any order on a real server with real sockets. `docs/PROTOCOL.md` and the log determine the events that each
 * connection must receive. A failure prints a line that repeats it:
 *
 *     MODEL_REPEAT='<seed> <path> <replay path>' npx vitest run test/model -t <engine>
 *
 * The seed repeats the commands, their parameters and the faults of an unreliable network exactly. It does not repeat how
 * the kernel and the event loop interleave them, so a race may need several attempts. `MODEL_RUNS=1000
 * MODEL_LIMIT_MS=600000` searches longer than CI does.
 */
const [seed, path, replayPath] = process.env.MODEL_REPEAT?.split(' ') ?? [];
const asked = process.env.MODEL_RUNS ?? (seed === undefined ? undefined : '1');
const engines: readonly (readonly [engine: SiteSettings['engine'], runs: number])[] = [
  ['memory', Number(asked ?? 60)],
  ['sqlite', Number(asked ?? 12)],
];
/** Shrinking a failing case ends at this time; a passing run takes less. */
const limitMs = Number(process.env.MODEL_LIMIT_MS ?? 40_000);

const settings: fc.Arbitrary<Omit<SiteSettings, 'engine'>> = fc.record({
  readTurns: fc.nat({ max: 3 }),
  pagePokes: fc.constantFrom(1_000_000, 1_000_000, 50, 3),
  heartbeatMs: fc.constantFrom(0, 15, 60),
  pooling: fc.constantFrom('on', 'on', 'off'),
  bufferPoolMax: fc.constantFrom(64, 2, 0),
  faults: fc.oneof(fc.constant(undefined), fc.nat()),
});

const commands = fc.commands(
  [...writeCommands, ...readerCommands, ...serverCommands].flatMap(({ weight, arbitrary }) =>
    new Array<typeof arbitrary>(weight).fill(arbitrary),
  ),
  { maxCommands: 60, size: 'max', ...(replayPath === undefined ? {} : { replayPath }) },
);

type Details = fc.RunDetails<[Omit<SiteSettings, 'engine'>, Iterable<ModelCommand>]>;

test.each(engines)(
  'Over %s: whatever happens to writers, readers, namespaces and the server, each connection receives exactly the messages of its log.',
  {
    timeout: limitMs * 2,
  },
  async (engine, runs) => {
    const property = fc.asyncProperty(settings, commands, async (settings, commands) => {
      await using site = await Site.open({ ...settings, engine });
      const world = new World();
      try {
        await createAll(world, site);
        await fc.asyncModelRun(() => ({ model: world, real: site }), commands);
        await finish(world, site);
      } finally {
        await world.close();
      }
    });
    const details = await fc.check(property, {
      numRuns: runs,
      interruptAfterTimeLimit: limitMs,
      // A run that hangs has failed, but must not end a long series.
      timeout: limitMs / 2,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      ...(path === undefined ? {} : { path }),
    });
    if (details.failed) throw new Error(await reportOf(engine, details), { cause: details.errorInstance });
  },
);

async function reportOf(engine: string, details: Details): Promise<string> {
  const report = await fc.asyncDefaultReportMessage(details);
  const replayPath = /replayPath="([^"]*)"/.exec(String(details.counterexample?.[1]))?.[1];
  const repeat = `MODEL_REPEAT='${details.seed} ${details.counterexamplePath} ${replayPath}' npx vitest run test/model -t ${engine}`;
  return `${details.errorInstance}\n\n${report}\n\nTo repeat it: ${repeat}\n`;
}
