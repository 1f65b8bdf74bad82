import { judgeDefaultToken } from '../access/namespaces.ts';
import type { Config } from '../config.ts';
import { checkStoreUrl } from '../store/open-store.ts';

/** What a start would refuse of the settings before it opens anything; throws a `ConfigError`. */
export function checkConfig({ token, store }: Config): void {
  if (token !== '') judgeDefaultToken(token);
  checkStoreUrl(store);
}
