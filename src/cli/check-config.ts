import { judgeDefaultToken } from '../access/namespaces.ts';
import type { Config } from '../config.ts';
import { checkStoreUrl } from '../store/open-store.ts';

/** Runs the checks of a start that need neither the store nor the port. Throws `ConfigError`. */
export function checkConfig({ token, store }: Config): void {
  if (token !== '') judgeDefaultToken(token);
  checkStoreUrl(store);
}
