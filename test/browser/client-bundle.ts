import { rolldown } from 'rolldown';

/** Bundles a file of this folder and its imports into a script for pages. */
export async function bundleOf(entry: string): Promise<string> {
  const input = new URL(entry, import.meta.url).pathname;
  const build = await rolldown({ input, transform: { define: { 'process.env.NODE_ENV': '"development"' } } });
  const { output } = await build.generate({ format: 'iife', codeSplitting: false });
  return output[0].code;
}
