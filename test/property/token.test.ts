import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Access } from '../../src/access/access.ts';
import { Namespaces } from '../../src/access/namespaces.ts';
import { hashToken, namespaceIdPattern, newToken, parseToken, sameHash, sameText } from '../../src/access/token.ts';
import { anyCharacter } from '../support/arbitraries.ts';
import { pokePool } from '../support/fake-messages.ts';
import { FakeStore } from '../support/fake-store.ts';

const acceptedId = fc.stringMatching(namespaceIdPattern);
const secret = fc.stringMatching(/^[0-9a-fA-F]{64}$/);
const tokenOf = (namespace: string, hex: string) => `ns_${Buffer.from(namespace).toString('base64url')}_${hex}`;

test('A token gives access to its own namespace only, whatever its name.', async () => {
  await fc.assert(
    fc.asyncProperty(acceptedId, acceptedId, async (id, other) => {
      fc.pre(id !== other && id !== 'default' && other !== 'default');
      const namespaces = new Namespaces(new FakeStore({ pokes: pokePool() }));
      const access = new Access('token', namespaces);
      const { token } = await namespaces.create({ id, description: '', token: undefined });
      await namespaces.create({ id: other, description: '', token: undefined });
      const grant = await access.check(token);
      expect([grant.namespace.id, grant.scope, grant.isOperator]).toEqual([id, 'admin', false]);
      const secretOfOther = token.replace(/^.*_/, newToken(other).replace(/_[^_]*$/, '_'));
      await expect(access.check(secretOfOther)).rejects.toMatchObject({ code: 'AUTH_UNAUTHORIZED' });
    }),
  );
});

test('A token contains its namespace, whatever the id, including base64url with an underscore.', () => {
  const anyId = fc.string({ minLength: 1, unit: 'grapheme' }).filter((id) => id.isWellFormed());
  fc.assert(
    fc.property(fc.oneof(anyId, acceptedId, fc.constantFrom('ab?', '???', '~~~', '_')), secret, (namespace, hex) => {
      expect(parseToken(tokenOf(namespace, hex))).toEqual({ namespace });
    }),
  );
});

test('Text that is not a token is recognised without an error.', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: anyCharacter }),
        fc.string().map((text) => `ns_${text}`),
      ),
      (text) => {
        const parsed = parseToken(text);
        if ('namespace' in parsed) expect(text.slice(0, -65)).toBe(tokenOf(parsed.namespace, '').slice(0, -1));
        else expect(parsed.problem).not.toBe('');
      },
    ),
  );
});

test('Changing any character of a token makes it invalid or another token.', () => {
  fc.assert(
    fc.property(acceptedId, fc.nat(), fc.string({ minLength: 1, maxLength: 1 }), (id, seed, character) => {
      const token = newToken(id);
      const at = seed % token.length;
      const changed = token.slice(0, at) + character + token.slice(at + 1);
      fc.pre(changed !== token);
      expect(sameHash(hashToken(changed), hashToken(token))).toBe(false);
      expect(sameText(changed, token)).toBe(false);
    }),
  );
});

test('New tokens of a namespace differ, and each hash covers the whole token.', () => {
  expect(newToken('a')).not.toBe(newToken('a'));
  expect(hashToken(`ns_ZGVmYXVsdA_${'0'.repeat(64)}`)).toBe(
    '6fefedfc989ca8bea8ce1b63672607c06fbd0d8b3c0667164cf4f5a02911fb52',
  );
});

test.each([
  ['ns_', 'no separator'],
  [`ns__${'0'.repeat(64)}`, 'no namespace'],
  [`ns_A_${'0'.repeat(64)}`, 'bits of no byte'],
  [`ns_ZGVmYXVsdA=_${'0'.repeat(64)}`, 'padding'],
  [`ns_ZGVmYXVsdB_${'0'.repeat(64)}`, 'bits left over'],
  [`ns__w_${'0'.repeat(64)}`, 'bytes that are not UTF-8'],
  [`ns_ZGVmYXVsdA_${'0'.repeat(63)}`, 'a short secret'],
  [`ns_ZGVmYXVsdA_${'0'.repeat(65)}`, 'a long secret'],
  [`ns_ZGVmYXVsdA_${'0'.repeat(63)}g`, 'a digit too high'],
  [`NS_ZGVmYXVsdA_${'0'.repeat(64)}`, 'capitals'],
  [` ns_ZGVmYXVsdA_${'0'.repeat(64)}`, 'space before it'],
  [`ns_ZGVmYXVsdA_${'0'.repeat(64)}\n`, 'a line end behind it'],
])('%j is no token: %s.', (text) => {
  expect(parseToken(text)).toHaveProperty('problem');
});
