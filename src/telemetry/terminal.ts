import { constants, openSync } from 'node:fs';

/**
 * A descriptor of the terminal behind `fd` whose writes never wait. One that nobody reads is full after some kilobytes,
 * and a write would then hold its thread for ever. The flag belongs to an open file, which other programs of the terminal
 * share, so it is reopened: by Linux's link, or as the controlling terminal. If neither is available, it is `fd` itself.
 */
export function openTerminal(fd: number): number {
  for (const path of [`/proc/self/fd/${fd}`, '/dev/tty']) {
    try {
      return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    } catch {
      // The next one may do.
    }
  }
  return fd;
}
