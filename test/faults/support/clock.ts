import { readFileSync } from 'node:fs';

// Loaded into a server by `--import`. On SIGUSR2, shifts the wall clock by the milliseconds in the file FAULT_CLOCK.
// Timers and `performance.now()` continue, as when an administrator sets the clock.
const RealDate = Date;
let offsetMs = 0;

globalThis.Date = new Proxy(RealDate, {
  construct: (target, args) => new target(...((args.length === 0 ? [RealDate.now() + offsetMs] : args) as [number])),
  get: (target, name) => (name === 'now' ? () => RealDate.now() + offsetMs : Reflect.get(target, name)),
});

process.on('SIGUSR2', () => {
  offsetMs = Number(readFileSync(process.env.FAULT_CLOCK!, 'utf8'));
  process.stderr.write(`clock:${offsetMs}\n`);
});
