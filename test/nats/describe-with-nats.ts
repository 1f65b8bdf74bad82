import { describe } from 'vitest';
import { missingNats, natsProgram } from './nats-server.ts';

/** Describes what needs a nats-server; where there is none, its tests are skipped and the title says why. */
export function describeWithNats(title: string, tests: () => void): void {
  if (natsProgram === undefined) describe.skip(`${title} (${missingNats})`, tests);
  else describe(title, tests);
}
