import { expect, test } from 'vitest';
import { appendFaultOf } from '../../src/store/postgres/database-errors.ts';

const withCode = (code: string) => Object.assign(new Error('refused'), { code });

test.each([
  ['EPIPE', 'connection'],
  ['ECONNRESET', 'connection'],
  ['57P01', 'connection'],
  ['08006', 'connection'],
  ['40P01', 'conflict'],
  ['23505', 'conflict'],
  ['55P03', 'busy'],
  ['57014', 'busy'],
  ['25P03', 'connection'],
  ['22P05', 'payload'],
  ['53100', 'disk'],
  ['42501', 'other'],
  ['XX000', 'other'],
])('An append that ends in %s failed by its %s.', (code, fault) => {
  expect(appendFaultOf(withCode(code))).toBe(fault);
});
