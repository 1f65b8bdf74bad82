import { describePostgres } from './describe-postgres.ts';
import { hasPostgres } from './postgres-cluster.ts';

await describePostgres('the PostgreSQL store', {
  isThere: hasPostgres,
  missing: 'npm has no PostgreSQL for this platform',
});
