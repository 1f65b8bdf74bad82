import { startTestApp, type TestApp } from './start-app.ts';
import { TemporaryFolder } from './temporary-folder.ts';

/** A server with a database in a temporary folder. It exports every metric. */
export async function startSqliteApp(flags: readonly string[] = []): Promise<TestApp> {
  const folder = new TemporaryFolder();
  try {
    const app = await startTestApp(['--store', `sqlite:${folder.file('a.db')}`, ...flags]);
    const close = async () => {
      await app.close();
      folder[Symbol.dispose]();
    };
    return { ...app, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    folder[Symbol.dispose]();
    throw error;
  }
}
