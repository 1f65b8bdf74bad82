import { describe } from 'vitest';
import { missingNats, natsProgram } from './nats-server.ts';

/** Describes tests that need nats-server. Without it they are skipped, and the title gives the reason. */
export function describeWithNats(title: string, tests: () => void): void {
  if (natsProgram === undefined) describe.skip(`${title} (${missingNats})`, tests);
  else describe(title, tests);
}
