import { describe, expect, test } from 'vitest';
import { hostCheck } from '../../src/http/plumbing/allowed-hosts.ts';

describe('A server on loopback', () => {
  const isAllowed = hostCheck({ host: 'localhost', allowedHosts: [] });

  test.each([
    'localhost',
    'localhost:8080',
    'LOCALHOST',
    'localhost.:80',
    'app.localhost:3000',
    '127.0.0.1',
    '127.0.0.1:8080',
    '127.8.9.10',
    '[::1]',
    '[::1]:8080',
  ])('answers to %s.', (host) => {
    expect(isAllowed(host)).toBe(true);
  });

  test.each([
    'evil.example',
    'evil.example:8080',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    'evillocalhost',
    '.localhost.evil',
    'localhost:8080:80',
    'localhost:80@evil.example',
    'user@localhost',
    '',
    ':8080',
    '[::2]',
    '[::1',
    '192.0.2.1',
    '0.0.0.0:8080',
    '2130706433',
    '0x7f000001',
    'pokewire',
  ])('does not answer to %j.', (host) => {
    expect(isAllowed(host)).toBe(false);
  });
});

describe('A server that other machines reach', () => {
  const isAllowed = hostCheck({ host: '0.0.0.0', allowedHosts: [] });

  test.each(['192.0.2.1:8080', '[2001:db8::1]:8080', 'localhost'])('answers to the address %s.', (host) => {
    expect(isAllowed(host)).toBe(true);
  });

  test.each(['evil.example', 'pokewire:8080', '1.2.3.4.evil.example'])('does not answer to the name %s.', (host) => {
    expect(isAllowed(host)).toBe(false);
  });
});

describe('A name of --allowed-hosts', () => {
  test.each(['pokes.example', 'POKES.example:443', 'pokes.example.', 'localhost'])(
    'is accepted in any spelling, as is localhost: %s.',
    (host) => {
      expect(hostCheck({ host: '127.0.0.1', allowedHosts: ['Pokes.example'] })(host)).toBe(true);
    },
  );

  test('does not include its subdomains.', () => {
    expect(hostCheck({ host: '127.0.0.1', allowedHosts: ['pokes.example'] })('a.pokes.example')).toBe(false);
  });

  test('that begins with *. includes all subdomains, and not the name itself.', () => {
    const isAllowed = hostCheck({ host: '127.0.0.1', allowedHosts: ['*.pokes.example'] });
    const hosts = ['a.pokes.example', 'a.b.pokes.example:80', 'pokes.example', '.pokes.example', 'evilpokes.example'];
    expect(hosts.map(isAllowed)).toEqual([true, true, false, false, false]);
  });

  test('may be an address with or without brackets.', () => {
    const isAllowed = hostCheck({ host: '127.0.0.1', allowedHosts: ['[2001:db8::1]', '192.0.2.1'] });
    expect(['[2001:db8::1]:80', '192.0.2.1'].map(isAllowed)).toEqual([true, true]);
  });

  test('that is * includes everything.', () => {
    expect(hostCheck({ host: '127.0.0.1', allowedHosts: ['*'] })('evil.example')).toBe(true);
  });
});
