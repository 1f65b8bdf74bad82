import { constants, openSync } from 'node:fs';

/**
 * A descriptor of the terminal behind `fd` whose writes never block. A terminal that nobody reads is full after some
 * kilobytes, and would then block the writing thread forever. The non-blocking flag belongs to the open file, which
 * other programs share, so the terminal is reopened: by Linux's link, or as the controlling terminal. If neither is
 * available, returns `fd`.
 */
export function openTerminal(fd: number): number {
  for (const path of [`/proc/self/fd/${fd}`, '/dev/tty']) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    } catch {
      // Try the next one.
    }
  }
  return fd;
}
