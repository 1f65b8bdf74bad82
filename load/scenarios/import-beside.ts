import { Bench } from '../lib/bench.ts';
import { atMost, type Reading, type ScenarioResult } from '../lib/results.ts';
import { type Context, medianOf, pokewireOf, repeatInTurn } from '../lib/scenario.ts';
import type { Target } from '../lib/target.ts';

const settings = { messages: 300_000, older: 60_000, recordsPerPart: 1_000, appendsPerSecond: 100, quietMs: 2_000 };

/** A log that starts far after position 1, so that older records can be imported before it during appends. */
export async function importBeside(context: Context): Promise<ScenarioResult> {
  const series = await repeatInTurn(context, [pokewireOf(context)], 2, measureImportBeside);
  const ours = (name: string) => medianOf(series, 'pokewire', name);
  return {
    scenario: 'import-beside',
    settings,
    series,
    missing: [],
    verdicts: [atMost('10a', 'append p99 beside an import of older records, ms', ours('appendP99Ms'), 50)],
  };
}

function measureImportBeside(target: Target): Promise<Reading> {
  return Bench.run(target, async (bench) => {
    const { messages, older, appendsPerSecond, quietMs } = settings;
    const { port } = bench.server;
    await importInto(port, older + 1, messages, 'later');
    const pace = (durationMs: number) => bench.pace({ perSecond: appendsPerSecond, durationMs }, 'other');
    await pace(500);
    const quiet = await pace(quietMs);
    const startMs = performance.now();
    let seconds = 0;
    const importing = importInto(port, 1, older, 'earlier').then(() => {
      seconds = (performance.now() - startMs) / 1_000;
    });
    const { ackMs } = await pace(quietMs);
    await importing;
    return {
      quietAppendP99Ms: quiet.ackMs.p99,
      appendP50Ms: ackMs.p50,
      appendP99Ms: ackMs.p99,
      appendMaxMs: ackMs.max,
      importSeconds: seconds,
      recordsPerSecond: older / seconds,
    };
  });
}

/** Imports this many records from a global position on. */
async function importInto(port: number, from: number, count: number, category: string): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/import`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: ReadableStream.from(records(from, count, category)),
    duplex: 'half',
  });
  const text = await response.text();
  if (!text.includes('"done":true')) throw new Error(`the import ended with ${text.slice(-300)}`);
}

async function* records(from: number, count: number, category: string): AsyncGenerator<Uint8Array> {
  for (let part = 0; part < count; part += settings.recordsPerPart) {
    let text = '';
    for (let at = part; at < Math.min(count, part + settings.recordsPerPart); at++)
      text += record(from + at, at, category);
    yield Buffer.from(text);
  }
}

function record(globalPosition: number, at: number, category: string): string {
  const id = `00000000-0000-4000-8000-${String(globalPosition).padStart(12, '0')}`;
  const [stream, position] = [`${category}-${at % 1_000}`, Math.floor(at / 1_000)];
  return `{"id":"${id}","stream":"${stream}","type":"Deposited","pos":${position},"gpos":${globalPosition},"data":{"amount":100},"meta":null,"time":"2026-01-01T00:00:00Z"}\n`;
}
