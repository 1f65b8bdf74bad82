import { describe, expect, test } from 'vitest';
import { parseNatsUrl } from '../../src/store/nats/nats-url.ts';

describe('The URL of NATS', () => {
  test('names one server or several, each with an optional port, and a prefix.', () => {
    const partsOf = (url: string) => {
      const { servers, prefix } = parseNatsUrl(url);
      return [...servers, prefix];
    };
    expect(partsOf('nats://localhost')).toEqual(['localhost:4222', 'pokewire']);
    expect(partsOf('nats://a:1,b,[::1]:3/shop_1?replicas=2')).toEqual(['a:1', 'b:4222', '[::1]:3', 'shop_1']);
  });

  test('keeps user, password and parameters with several servers.', () => {
    expect(parseNatsUrl('nats://me:p%40ss@a:1,b:2?replicas=5&maxAgeMs=1000&tls=require&creds=/a/b')).toMatchObject({
      user: 'me',
      password: 'p@ss',
      token: undefined,
      replicas: 5,
      maxAgeMs: 1_000,
      tls: 'require',
      credsFile: '/a/b',
      place: 'a:1, b:2',
    });
  });

  test('names the files for TLS.', () => {
    expect(parseNatsUrl('nats://a?ca=/ca.pem&cert=/me.pem&key=/me%40home.key')).toMatchObject({
      tls: 'server',
      caFile: '/ca.pem',
      certFile: '/me.pem',
      keyFile: '/me@home.key',
    });
  });

  test('treats a name without a password as a token.', () => {
    expect(parseNatsUrl('nats://t0ken@a')).toMatchObject({ user: undefined, password: undefined, token: 't0ken' });
  });

  test.each([
    ['nats:///shop', /it names no host/],
    ['nats://me@a,,b', /it is no URL|it names no host/],
    ['nats://a:x,b', /it is no URL/],
    ['nats://a/one/two', /the prefix is up to 32 letters/],
    ['nats://a/shop.one', /the prefix is up to 32 letters/],
    ['nats://a?replicas=6', /replicas is a number from 1 to 5, not 6/],
    ['nats://a?tls=no', /tls is server or require, not no/],
    ['nats://a?windowMs=10', /windowMs is a number of 1000 or more, not 10/],
    ['nats://a?maxBytes=many', /maxBytes is a number of 0 or more, not many/],
    ['nats://a?lanes=1', /it has no parameter lanes/],
    ['nats://a?cert=/a/b', /cert and key are given together/],
  ])('is refused when it is %s.', (url, problem) => {
    expect(() => parseNatsUrl(url)).toThrow(problem);
  });

  test.each([
    'nats://me:s3cret@a?replicas=9',
    // With a reserved character, at which every URL parser ends user and password.
    'nats://me:12?s3cret@a',
    'nats://me:12?replicas=s3cret@a',
    'nats://me:12/s3cret@a',
    'nats://me:12#s3cret@a',
    'nats://me:12@s3cret@a',
    'nats://s3cret?s3cret@a',
    // The second server has its own credentials.
    'nats://me:12@a,me:s3cret@b',
  ])('is refused without revealing any of the password when it is %s.', (url) => {
    expect(() => parseNatsUrl(url)).toThrow(/^(?!.*s3cret)--store must be nats:/);
  });
});
