import { expect, test } from 'vitest';
import { forwardedAddresses } from '../../src/http/plumbing/forwarded-addresses.ts';

test.each([
  ['203.0.113.7', '203.0.113.7'],
  ['203.0.113.7:50001', '203.0.113.7'],
  ['[2001:db8::1]:443', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['2001:db8::1', '2001:db8::1'],
  [' 198.51.100.2:1 ,\t[2001:db8::1]:443', '198.51.100.2, 2001:db8::1'],
  ['203.0.113.7,10.0.0.1:8080', '203.0.113.7, 10.0.0.1'],
])('Addresses lose their ports and brackets: %j', (header, addresses) => {
  expect(forwardedAddresses(header)).toBe(addresses);
});

test.each([
  ['unknown', ''],
  ['', ''],
  [',', ''],
  ['203.0.113.7:', ''],
  ['203.0.113.7:999999', ''],
  ['203.0.113.999', ''],
  ['[203.0.113.7]x', ''],
  ['2001:db8::1:443:::', ''],
  ['_hidden, 203.0.113.7', '203.0.113.7'],
  ['203.0.113.7, unknown', ''],
  ['203.0.113.7, unknown, 10.0.0.1', '10.0.0.1'],
  ['203.0.113.7, , 10.0.0.1', '10.0.0.1'],
])('What is no address hides all that stands before it: %j', (header, addresses) => {
  expect(forwardedAddresses(header)).toBe(addresses);
});
