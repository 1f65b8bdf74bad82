import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = '/sys/fs/cgroup';
const isUnified = existsSync(join(root, 'cgroup.controllers'));
const parent = isUnified ? root : join(root, 'cpu');
/** Short, so that a process waits for its next slice no longer than an append takes. */
const periodUs = 10_000;

/** Why CPU shares are not available here; undefined: they are. */
export const cpuShareMissing: string | undefined = reasonAgainst();

/** Control groups that limit processes to a share of a core, so that each stands for a separate machine. */
export class CpuShares implements Disposable {
  readonly #share: number;
  readonly #groups: string[] = [];

  constructor(share: number) {
    this.#share = share;
  }

  /** Limits a process to the share from now on. */
  hold(pid: number): void {
    const group = join(parent, `pokewire-load-${pid}`);
    mkdirSync(group);
    this.#groups.push(group);
    limit(group, this.#share);
    writeFileSync(join(group, 'cgroup.procs'), String(pid));
  }

  /** Removes the groups. Their processes must have ended. */
  [Symbol.dispose](): void {
    for (const group of this.#groups.splice(0)) rmdirSync(group);
  }
}

function limit(group: string, share: number): void {
  const quotaUs = Math.round(share * periodUs);
  if (isUnified) writeFileSync(join(group, 'cpu.max'), `${quotaUs} ${periodUs}`);
  else {
    writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodUs));
    writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quotaUs));
  }
}

function reasonAgainst(): string | undefined {
  const group = join(parent, `pokewire-load-${process.pid}`);
  try {
    mkdirSync(group);
    try {
      limit(group, 1);
    } finally {
      rmdirSync(group);
    }
    return undefined;
  } catch {
    return 'shares of a core need Linux and the right to make control groups';
  }
}
