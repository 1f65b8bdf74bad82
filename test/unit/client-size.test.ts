import { gzipSync } from 'node:zlib';
import { type OutputChunk, rolldown } from 'rolldown';
import { expect, test } from 'vitest';

const room = new URL('../../src/client/', import.meta.url).pathname;

/** The code that a page loads for this entry, minified and gzipped, without parts loaded later. */
async function bundle(entry: string) {
  const build = await rolldown({ input: room + entry, external: ['react'] });
  const { output } = await build.generate({ minify: true, format: 'esm' });
  const chunks = new Map(output.map((chunk) => [chunk.fileName, chunk as OutputChunk]));
  const loaded = new Set([output[0] as OutputChunk]);
  for (const { imports } of loaded) for (const name of imports) if (chunks.has(name)) loaded.add(chunks.get(name)!);
  return {
    bytes: [...loaded].reduce((sum, { code }) => sum + gzipSync(code).length, 0),
    modules: output.flatMap((chunk) => (chunk as OutputChunk).moduleIds),
    foreign: [...chunks.values()].flatMap(({ imports }) => imports.filter((name) => !chunks.has(name))),
  };
}

test('pokewire/client takes at most 5 KB, minified and gzipped, and imports nothing but itself', async () => {
  const { bytes, modules, foreign } = await bundle('client.ts');
  expect(bytes).toBeLessThanOrEqual(5_120);
  expect(foreign).toEqual([]);
  expect(modules.filter((module) => !module.startsWith(room) && !module.startsWith('\0'))).toEqual([]);
});
