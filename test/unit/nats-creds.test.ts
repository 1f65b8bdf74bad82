import { rmSync, writeFileSync } from 'node:fs';
import * as nats from '@nats-io/transport-node';
import { expect, test } from 'vitest';
import { ConfigError } from '../../src/config-error.ts';
import { credsOf } from '../../src/store/nats/connect-options.ts';
import { strangeUser } from '../support/nats-operator.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';

const [first, second] = [strangeUser(), strangeUser()];

/** The JWTs of two connections, with a change of the file in between. */
function jwtsAround(change: (file: string) => void) {
  using folder = new TemporaryFolder();
  const file = folder.file('me.creds');
  writeFileSync(file, first.file);
  const authenticate = credsOf(nats, file);
  const jwtOf = () => (authenticate('nonce') as { jwt: string }).jwt;
  const before = jwtOf();
  change(file);
  return [before, jwtOf()];
}

test('The next connection uses a renewed credentials file.', () => {
  expect(jwtsAround((file) => writeFileSync(file, second.file))).toEqual([first.jwt, second.jwt]);
});

test.each([
  ['removed', (file: string) => rmSync(file)],
  ['half written', (file: string) => writeFileSync(file, second.file.slice(0, 200))],
  ['given a broken key', (file: string) => writeFileSync(file, second.file.replace(second.seed, 'SUAB'))],
])('A credentials file that is %s leaves the last one in use.', (_what, change) => {
  expect(jwtsAround(change)).toEqual([first.jwt, first.jwt]);
});

test.each([
  ['nothing', ''],
  ['a JWT alone', first.jwt],
  ['a broken key', first.file.replace(first.seed, 'SUAB')],
])('A credentials file with %s is refused without a word of it.', (_what, text) => {
  using folder = new TemporaryFolder();
  const file = folder.file('me.creds');
  writeFileSync(file, text);
  const refusal = `--store: the file of ?creds= is not a credentials file with a JWT and its key: ${file}`;
  expect(() => credsOf(nats, file)).toThrow(new ConfigError(refusal));
});
