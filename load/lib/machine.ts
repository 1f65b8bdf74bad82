import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

const ticksPerSecond = 100;
const pageBytes = 4_096;
const hasProc = canRead('/proc/self/schedstat');
const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;
/** The core that serves and the one that loads it. */
export const serverCore = 0;
export const loadCore = 1;

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // A thread, or the process, is gone.
    return '';
  }
}

function canRead(path: string): boolean {
  return read(path) !== '';
}

/** The command with what pins it to a core in front, where the system can. */
export function pinned(core: number, command: string, args: readonly string[]): [string, string[]] {
  return canPin ? ['taskset', ['-c', String(core), command, ...args]] : [command, [...args]];
}

/**
 * Puts a process before other work of the machine, where the system lets us, so that less of that is measured. It must
 * lead its own session (`detached`): Linux weighs sessions against each other, and niceness counts only within one.
 */
export function hurry(pid: number, niceness = -10): boolean {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
    return true;
  } catch {
    return false;
  }
}

/** Time that all threads of a process ran so far, seconds; NaN where the system does not tell. */
export function cpuSeconds(pid: number): number {
  if (!hasProc) return Number.NaN;
  // `/proc/<pid>/stat` counts hundredths of a second; these are nanoseconds.
  const threads = readdirSync(`/proc/${pid}/task`);
  const runNs = (thread: string) => Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ', 1)[0]);
  return threads.reduce((sum, thread) => sum + runNs(thread), 0) / 1e9;
}

/** Resident memory of a process, KiB; NaN where the system does not tell. */
export function residentKib(pid: number): number {
  if (!hasProc) return Number.NaN;
  return Number(/^VmRSS:\s*(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]);
}

/** Memory that the kernel holds for all TCP sockets of the machine, MiB; NaN where the system does not tell. */
export function socketMib(): number {
  const pages = /^TCP:.* mem (\d+)/m.exec(read('/proc/net/sockstat'))?.[1];
  return (Number(pages) * pageBytes) / 1_048_576;
}

/** Seconds that a core has worked for anybody since the machine started; NaN where the system does not tell. */
export function coreBusySeconds(core: number): number {
  if (!hasProc) return Number.NaN;
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(read('/proc/stat'))?.[1];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line ?? '').split(' ').map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/** Where and with what was measured. */
export function describeMachine() {
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    memoryMib: Math.round(totalmem() / 1_048_576),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    pinned: canPin,
    loadAverage: loadavg()[0],
  };
}

/** The commit of a work tree, and whether files of the server or its measurements differ from it. */
export function describeCommit(root: string): { commit: string; dirty: boolean } {
  const git = (...args: string[]) => execFileSync('git', ['-C', root, ...args], { encoding: 'utf8' }).trim();
  try {
    return {
      commit: git('rev-parse', 'HEAD'),
      dirty: git('status', '--porcelain', '--', 'src', 'load', 'package-lock.json', ':!load/results') !== '',
    };
  } catch {
    return { commit: 'unknown', dirty: true };
  }
}
