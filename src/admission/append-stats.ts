import type { AppendOutcome } from '../store/log.ts';

/** Appends of this process by outcome, and the messages they stored. */
export class AppendStats {
  messages = 0;
  /** What the store held when it refused the last append for want of room; undefined: it has stored one since. */
  fullAtBytes: number | undefined = undefined;
  readonly outcomes: Record<AppendOutcome['outcome'], number> = {
    appended: 0,
    known: 0,
    'version-conflict': 0,
    'duplicate-id': 0,
    gone: 0,
    full: 0,
  };
}
