import { describePostgres } from './describe-postgres.ts';
import { hasPostgres15 } from './postgres-cluster.ts';

await describePostgres('the PostgreSQL store on version 15', {
  isThere: hasPostgres15,
  missing: 'needs Debian’s postgresql-15',
  isVersion15: true,
});
