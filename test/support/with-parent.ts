import { spawnSync } from 'node:child_process';

const wrapper = ['setpriv', '--pdeathsig', 'KILL'];

/** Whether this system can signal the death of a parent: Linux with util-linux can. */
export const endsWithParent = spawnSync(wrapper[0]!, [...wrapper.slice(1), 'true'], { stdio: 'ignore' }).status === 0;

/**
 * Command and arguments for `spawn` of a process that is killed when its parent ends, if the system supports that. An
 * exit handler is not enough: a test run that is killed runs none, and would leave its servers running.
 */
export function withParent(command: string, args: readonly string[]): [command: string, args: string[]] {
  const [first, ...rest] = [...(endsWithParent ? wrapper : []), command, ...args];
  return [first!, rest];
}
