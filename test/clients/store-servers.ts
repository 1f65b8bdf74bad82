import { afterAll, describe } from 'vitest';
import { hasPostgres, PostgresCluster } from '../postgres/postgres-cluster.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';
import { startSqliteApp } from '../support/start-sqlite-app.ts';

type Start = (flags?: readonly string[]) => Promise<TestApp>;

/**
 * Runs the same tests over each store, several at a time, so they take `expect` from their context: `title` contains `%s` for its name, and `start` starts a server
 * over an empty store.
 */
export function describeStores(title: string, tests: (start: Start) => void): void {
  const of = (store: string) => title.replace('%s', store);
  describe.concurrent(of('memory'), () => tests(startTestApp));
  describe.concurrent(of('SQLite'), () => tests(startSqliteApp));
  describe.skipIf(!hasPostgres).concurrent(of('PostgreSQL'), () => {
    // One cluster for all tests, and one database per server.
    let starting: Promise<PostgresCluster> | undefined;
    afterAll(async () => (await starting)?.[Symbol.asyncDispose]());
    tests(async (flags = []) => {
      starting ??= PostgresCluster.start();
      const cluster = await starting;
      return startTestApp(['--store', cluster.url(await cluster.create()), ...flags]);
    });
  });
}
