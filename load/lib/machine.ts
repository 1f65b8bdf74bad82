import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

const ticksPerSecond = 100;
const pageBytes = 4_096;
const hasProc = canRead('/proc/self/schedstat');
const canPin = availableParallelism() > 1 && spawnSync('taskset', ['-c', '0', 'true']).status === 0;
/** The core for the server, and the one for its load. */
export const serverCore = 0;
export const loadCore = 1;

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    // The thread or process has ended.
    return '';
  }
}

function canRead(path: string): boolean {
  return read(path) !== '';
}

/** Prefixes the command so that it is pinned to a core, where the system supports that. */
export function pinned(core: number, command: string, args: readonly string[]): [string, string[]] {
  return canPin ? ['taskset', ['-c', String(core), command, ...args]] : [command, [...args]];
}

/**
 * Raises the priority of a process over other work on the machine, if permitted, so that less of that work affects the
 * measurement. The process must lead a session (`detached`), because Linux weighs sessions against each other and
 * niceness counts only within one.
 */
export function hurry(pid: number, niceness = -10): boolean {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
    return true;
  } catch {
    return false;
  }
}

/** CPU time of all threads of a process so far, seconds; NaN if the system does not report it. */
export function cpuSeconds(pid: number): number {
  if (!hasProc) return Number.NaN;
  // `/proc/<pid>/stat` has hundredths of a second; these files have nanoseconds.
  const threads = readdirSync(`/proc/${pid}/task`);
  const runNs = (thread: string) => Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ', 1)[0]);
  return threads.reduce((sum, thread) => sum + runNs(thread), 0) / 1e9;
}

/** Resident memory of a process, KiB; NaN if the system does not report it. */
export function residentKib(pid: number): number {
  if (!hasProc) return Number.NaN;
  return Number(/^VmRSS:\s*(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1]);
}

/** Kernel memory of all TCP sockets of the machine, MiB; NaN if the system does not report it. */
export function socketMib(): number {
  const pages = /^TCP:.* mem (\d+)/m.exec(read('/proc/net/sockstat'))?.[1];
  return (Number(pages) * pageBytes) / 1_048_576;
}

/** Busy time of a core since boot, seconds; NaN if the system does not report it. */
export function coreBusySeconds(core: number): number {
  if (!hasProc) return Number.NaN;
  const line = new RegExp(`^cpu${core} (.*)$`, 'm').exec(read('/proc/stat'))?.[1];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line ?? '').split(' ').map(Number);
  return (user + nice + system + irq + softirq + steal) / ticksPerSecond;
}

/** Describes the machine and versions of a measurement. */
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

/** The commit of a work tree, and whether files of the server or its measurements are modified. */
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
