import { describe, expect, test } from 'vitest';
import { parsePostgresUrl } from '../../src/store/postgres/postgres-url.ts';

describe('The URL of a PostgreSQL', () => {
  test('names one server or several, each with an optional port.', () => {
    const serversOf = (url: string) => parsePostgresUrl(url).servers.map(({ host, port }) => `${host} ${port}`);
    expect(serversOf('postgres://user:a%2Cb@db-1/log')).toEqual(['db-1 5432']);
    expect(serversOf('postgres://user:p,w@db-1:1,db-2,[::1]:3/log?lanes=2')).toEqual(['db-1 1', 'db-2 5432', '::1 3']);
    expect(serversOf('postgres://user@%2Fvar%2Frun,%2Ftmp:6432/log')).toEqual(['/var/run 5432', '/tmp 6432']);
  });

  test('keeps user, password, database and parameters with several servers.', () => {
    expect(parsePostgresUrl('postgres://user:p%40w@a:1,b:2/log?epoch=kept')).toMatchObject({
      user: 'user',
      password: 'p@w',
      database: 'log',
      epoch: 'kept',
      place: 'a:1, b:2',
    });
  });

  test.each([
    ['postgres:///log', /it names no host/],
    ['postgres://user@a,,b/log', /it is no URL/],
    ['postgres://a,,b/log', /it names no host/],
    ['postgres://user@a:x,b/log', /it is no URL/],
    ['postgres://user@a,b', /it names no database/],
    ['postgres://user@a/log?pooled=yes', /pooled is true or false, not yes/],
    ['postgres://user@a/log?pooled=true&notify=written', /cannot be heard with pooled=true/],
  ])('is refused when it is %s.', (url, problem) => {
    expect(() => parsePostgresUrl(url)).toThrow(problem);
  });

  test.each(['postgres://me:12?s3cret@a/log', 'postgres://me:12@s3cret@a/log', 'postgres://me:12@a,me:s3cret@b/log'])(
    'is refused without revealing any of the password when it is %s.',
    (url) => {
      expect(() => parsePostgresUrl(url)).toThrow(/^(?!.*s3cret)--store must be postgres:/);
    },
  );
});
