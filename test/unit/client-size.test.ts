import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

/** What a page loads for this entry, minified and gzipped, and the modules that it is made of. */
async function bundle(entry: string) {
  const input = new URL(`../../src/client/${entry}`, import.meta.url).pathname;
  const build = await rolldown({ input, external: ['react'] });
  const { output } = await build.generate({ minify: true, format: 'esm' });
  const [chunk] = output;
  return {
    bytes: gzipSync(chunk.code).length,
    modules: chunk.moduleIds,
    imports: chunk.imports,
    chunks: output.length,
  };
}

test('pokewire/client takes at most 5 KB, minified and gzipped, and imports nothing but itself', async () => {
  const { bytes, modules, imports, chunks } = await bundle('client.ts');
  expect(bytes).toBeLessThanOrEqual(5_120);
  expect(imports).toEqual([]);
  expect(chunks).toBe(1);
  const room = new URL('../../src/client/', import.meta.url).pathname;
  expect(modules.filter((module) => !module.startsWith(room))).toEqual([]);
});
