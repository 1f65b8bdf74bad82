import type { Msg } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import { describe, expect, test } from 'vitest';
import { deliveryOf, positionOfDelivered } from '../../src/store/nats/delivery.ts';

describe('The address of a delivery', () => {
  test.each([
    '$JS.ACK.shop-1.c0nsumer_-.1.4711.42.1795783429413288649.3',
    '$JS.ACK.hub.hash.shop-1.c0nsumer_-.2.4711.42.1795783429413288649.3.random',
  ])('has the number of the message and that of the delivery: %s.', (reply) => {
    expect(deliveryOf(reply, 'c0nsumer_-')).toEqual({ seq: 4_711, count: 42 });
  });
});

describe('The position of a delivered message', () => {
  const withHeaders = (...names: readonly string[]) => {
    const values = headers();
    for (const name of names) values.set(name, name === 'Pw-Pos' ? '4711' : 'x');
    return values;
  };

  test('is read from its bytes where it is the first header.', () => {
    const text = 'NATS/1.0\r\nPw-Pos: 4711\r\nPw-Type: T\r\n\r\n';
    expect(positionOfDelivered({ _rdata: Buffer.from(text) } as unknown as Msg)).toBe(4_711);
  });

  test.each([
    ['another header is before it', Buffer.from('NATS/1.0\r\nPw-Type: x\r\nPw-Pos: 4711\r\n\r\n')],
    ['the client does not show its bytes', undefined],
  ])('is read from its headers where %s.', (_what, bytes) => {
    const message = { _rdata: bytes, headers: withHeaders('Pw-Type', 'Pw-Pos') };
    expect(positionOfDelivered(message as unknown as Msg)).toBe(4_711);
  });
});
