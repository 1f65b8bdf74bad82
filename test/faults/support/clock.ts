import { readFileSync } from 'node:fs';

// Loaded into a server by `--import`: on SIGUSR2 the wall clock steps to so many milliseconds from the real time as the file
// named by FAULT_CLOCK says. Timers and `performance.now()` go on, as they do when an administrator sets the clock.
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
