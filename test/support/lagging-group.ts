import type { TestApp } from './start-app.ts';

/** Creates a consumer group of `account` without workers, and a retention rule that deletes unsettled messages. */
export async function makeLaggingGroup(app: TestApp): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const put = (path: string, body: object) =>
    fetch(app.url + path, { method: 'PUT', headers, body: JSON.stringify(body) });
  await put('/retention', { maxAgeMs: 86_400_000 });
  await put('/groups/billing', { category: 'account', size: 2 });
}
