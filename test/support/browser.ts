import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { delimiter } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type Browser, chromium, type LaunchOptions } from 'playwright-core';

const run = promisify(execFile);
const modules = new URL('../../node_modules/', import.meta.url);

/**
 * Starts a real browser: on Linux the Chromium of the npm package, which needs nothing from the system, elsewhere an
 * installed Chrome or Edge. `args`: additional flags. Close it by `await using`.
 */
export async function launchBrowser(args: string[] = []): Promise<Browser> {
  if (process.platform === 'linux' && process.arch === 'x64')
    return chromium.launch({ ...(await packagedChromium()), args });
  const failures: unknown[] = [];
  for (const channel of ['chrome', 'msedge']) {
    try {
      return await chromium.launch({ channel, args });
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, 'The browser tests need Chrome or Edge on this system, and found neither.');
}

// Without the package's own list of flags, which disables CORS.
async function packagedChromium(): Promise<LaunchOptions> {
  const folder = await unpackedFolder();
  const executablePath = fileURLToPath(new URL('chromium', folder));
  const env = {
    ...process.env,
    FONTCONFIG_FILE: fileURLToPath(new URL('fonts.conf', folder)),
    XDG_CACHE_HOME: fileURLToPath(folder),
  };
  try {
    await run(executablePath, ['--version'], { env });
    return { executablePath, env };
  } catch {
    // A small container lacks NSS and Expat; the package has those of another distribution.
    const libraries = [fileURLToPath(new URL('al2023/lib', folder)), process.env.LD_LIBRARY_PATH];
    return { executablePath, env: { ...env, LD_LIBRARY_PATH: libraries.filter(Boolean).join(delimiter) } };
  }
}

/**
 * Where the package's archives are unpacked. The package itself unpacks to a fixed path in the temporary folder and
 * treats what exists there as complete, which fails for two test files that start together.
 */
async function unpackedFolder(): Promise<URL> {
  const manifest = await readFile(new URL('@sparticuz/chromium/package.json', modules), 'utf8');
  const { version } = JSON.parse(manifest) as { version: string };
  const cache = new URL('.cache/pokewire-chromium/', modules);
  const folder = new URL(`${version}/`, cache);
  if (existsSync(folder)) return folder;

  await mkdir(cache, { recursive: true });
  const unpacking = await mkdtemp(fileURLToPath(new URL('unpacking-', cache)));
  // A runtime for which it unpacks its libraries too.
  const env = { ...process.env, TMPDIR: unpacking, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' };
  const script = "const { default: packaged } = await import('@sparticuz/chromium'); await packaged.executablePath();";
  await run(process.execPath, ['--input-type=module', '--eval', script], { env, cwd: fileURLToPath(modules) });
  await writeFile(`${unpacking}/fonts.conf`, fontsConf);
  await rename(unpacking, folder).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
    // Another test file was faster.
    await rm(unpacking, { recursive: true });
  });
  return folder;
}

// Chromium exits on a system without fonts.
const fontsConf = `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>/usr/local/share/fonts</dir>
  <dir prefix="relative">fonts</dir>
  <cachedir prefix="xdg">font-cache</cachedir>
</fontconfig>
`;
