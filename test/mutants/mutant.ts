import { execFile } from 'node:child_process';
import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TemporaryFolder } from '../support/temporary-folder.ts';

/** A wrong change of the code. `from` must appear in the file exactly once. */
export type Mutation = { readonly file: string; readonly from: string; readonly to: string };

const root = join(import.meta.dirname, '../..');
const deliveryTests = [
  'test/unit/log-tail.test.ts',
  'test/unit/races.test.ts',
  'test/unit/resets.test.ts',
  'test/property/delivery.test.ts',
];
const copied = ['package.json', 'src', 'test/support', 'test/property'];
/** Deterministic runs, so that no mutant is caught by luck. */
const environment = { PROPERTY_RUNS: '200', PROPERTY_SEED: '1', PROPERTY_SHRINK: 'off' };
const deadlineMs = 280_000;

type Report = {
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
};

/**
 * Runs tests, by default those of delivery, on a copy of the code with this change, and returns the titles that failed.
 * Throws if the change cannot be made, or a test cannot be run.
 */
export async function testMutant(mutation: Mutation | undefined, tests = deliveryTests): Promise<string[]> {
  using folder = await copyWith(mutation, [...copied, ...tests]);
  return failedOf(await runTests(folder.path, tests));
}

/** A copy of these files and folders with this change. Throws if the change cannot be made. */
export async function copyWith(mutation: Mutation | undefined, names: readonly string[]): Promise<TemporaryFolder> {
  const folder = new TemporaryFolder();
  try {
    for (const name of names) await cp(join(root, name), folder.file(name), { recursive: true });
    await symlink(join(root, 'node_modules'), folder.file('node_modules'));
    if (mutation !== undefined) await mutate(folder, mutation);
    return folder;
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}

async function mutate(folder: TemporaryFolder, { file, from, to }: Mutation): Promise<void> {
  const path = folder.file(file);
  const parts = (await readFile(path, 'utf8')).split(from);
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} times what is to be changed: ${from}`);
  await writeFile(path, parts.join(to));
}

async function runTests(folder: string, tests: readonly string[]): Promise<Report> {
  const program = join(dirname(dirname(fileURLToPath(import.meta.resolve('vitest')))), 'vitest.mjs');
  const report = join(folder, 'report.json');
  // One worker for all files, as in the project `fast`: several take longer to start than the tests to run.
  const pool = ['--pool=threads', '--no-isolate', '--maxWorkers=1', '--testTimeout=60000'];
  const output = ['--reporter=json', `--outputFile=${report}`];
  const args = [program, 'run', '--bail=1', '--root', folder, ...pool, ...output, ...tests];
  const env = { PATH: process.env.PATH, ...environment };
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(process.execPath, args, { cwd: folder, env, timeout: deadlineMs }, (_failed, stdout, stderr) =>
    resolve(`${stdout}${stderr}`),
  );
  const said = await promise;
  try {
    return JSON.parse(await readFile(report, 'utf8'));
  } catch (error) {
    throw new Error(`the tests of the copy did not end: ${said.slice(-2_000)}`, { cause: error });
  }
}

function failedOf({ testResults }: Report): string[] {
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  const failed = all.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  // A file that cannot be loaded has no result, nor has one that was skipped after a failure.
  if (failed.length === 0 && !testResults.every(({ assertionResults }) => assertionResults.length > 0)) {
    throw new Error(`a test of the copy could not be run: ${testResults.map(({ message }) => message).join()}`);
  }
  return failed;
}
