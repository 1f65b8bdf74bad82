import type { Random, Weighted } from '../support/random.ts';
import type { Header } from './framing.ts';

/** Kinds of `Host`: ours, foreign, or invalid in HTTP/1.1. */
export type HostKind = 'local' | 'foreign' | 'malformed';

const values: Readonly<Record<HostKind, readonly string[]>> = {
  local: [
    'LOCALHOST',
    'localhost.',
    'localhost:',
    'localhost:1',
    'a.localhost:65535',
    '127.9.9.9:80',
    '[::1]',
    '[::1]:8080',
  ],
  foreign: [
    'evil.example',
    'evil.example:80',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evil-localhost',
    '128.0.0.1',
    '0.0.0.0',
    '2130706433',
    '0x7f.1',
    '[::2]',
    '[::]:80',
    '[::ffff:127.0.0.1]',
    '%6cocalhost',
    'localhost%00',
    'a,localhost',
    '*',
  ],
  malformed: [
    '',
    'a b',
    'localhost/',
    'http://localhost',
    'user@localhost',
    '::1',
    '[::1',
    '[::1]]',
    '[::1]a',
    '[g::1]',
    '[]',
    '[:]',
    '[127.0.0.1]',
    'localhost:x',
    'localhost:-1',
    'localhost:65536',
    'localhost:99999999999999999999',
    'localhost:80:80',
    'local\thost',
    'locälhost',
    '%',
    '%zz',
  ],
};

const kinds: Weighted<HostKind> = [
  [2, 'local'],
  [2, 'foreign'],
  [3, 'malformed'],
];

/** The `Host` lines of a request, and their combined kind. */
export type OddHost = { readonly kind: HostKind; readonly lines: readonly Header[] };

/** No, one, or several lines. */
export function oddHost(random: Random): OddHost {
  const kind = random.weighted(kinds);
  if (kind === 'malformed' && random.chance(0.2)) {
    const lines: readonly Header[] = random.pick([
      [],
      [
        ['Host', 'localhost'],
        ['Host', 'localhost'],
      ],
      [
        ['Host', 'localhost'],
        ['hOST', 'evil.example'],
      ],
    ]);
    return { kind, lines };
  }
  const value = random.pick(values[kind]);
  return { kind, lines: [[random.pick(['Host', 'host', 'HOST']), value]] };
}
