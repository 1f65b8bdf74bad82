import type { GroupChange } from '../group-store.ts';

/** Keys of the successful changes that {@link GroupStore.changesSince} reports. `outcomes`: undefined for refused changes. */
export function heardKeys(changes: readonly GroupChange[], outcomes: readonly (number | undefined)[]): string[] {
  return changes.filter(({ isQuiet }, at) => !isQuiet && outcomes[at] !== undefined).map(({ key }) => key);
}
