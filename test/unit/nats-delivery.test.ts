import type { Msg } from '@nats-io/transport-node';
import { headers } from '@nats-io/transport-node';
import { describe, expect, test } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import { DeliveryParser, positionOfDelivered } from '../../src/store/nats/delivery.ts';
import { SubjectStreams } from '../../src/store/nats/subject-streams.ts';
import { LogNames } from '../../src/store/nats/subjects.ts';

/** A message as the client represents it, decoded or not. */
const decoded = (subject: string, reply: string) => ({ subject, reply }) as unknown as Msg;
const undecoded = (subject: string, reply: string) => {
  const bytes = { subject: Buffer.from(subject), reply: Buffer.from(reply) };
  const fail = () => {
    throw new Error('decoded although the bytes are there');
  };
  return { _msg: bytes, reply: { indexOf: fail }, subject } as unknown as Msg;
};

describe('The reply subject of a delivery', () => {
  const plain = (seq: number, count: number) => `$JS.ACK.shop-1.c0nsumer_-.1.${seq}.${count}.1795783429413288649.3`;
  const withDomain = '$JS.ACK.hub.hash.shop-1.c0nsumer_-.2.4711.42.1795783429413288649.3.random';

  test.each([
    ['decoded', plain(4_711, 42), decoded],
    ['as bytes', plain(4_711, 42), undecoded],
    ['with a domain', withDomain, undecoded],
  ])('has the number of the message and that of the delivery: %s.', (_what, reply, message) => {
    const parser = new DeliveryParser('c0nsumer_-');
    parser.parse(message('s', reply));
    expect(parser).toMatchObject({ seq: 4_711, count: 42 });
  });

  test('is parsed again if another server adds more tokens before the consumer.', () => {
    const parser = new DeliveryParser('c0nsumer_-');
    const parsed = [plain(1, 1), withDomain, plain(123_456, 3)].map((reply) => {
      parser.parse(undecoded('s', reply));
      return [parser.seq, parser.count];
    });
    expect(parsed).toEqual([
      [1, 1],
      [4_711, 42],
      [123_456, 3],
    ]);
  });
});

describe('The stream of a delivery', () => {
  const names = new LogNames('pokewire', '0197a3c2' as LogId);
  const streamsOf = (...subjects: string[]) => {
    const streams = new SubjectStreams(names);
    return subjects.map((subject) => streams.of(undecoded(subject, '')));
  };

  test.each(['account-1', 'account', 'account-', 'läden-ä.b*c', '-'])('is what was appended to: %s.', (stream) => {
    const subject = names.subject(stream);
    expect(new SubjectStreams(names).of(decoded(subject, '')).text).toBe(stream);
    expect(streamsOf(subject)[0]!.text).toBe(stream);
  });

  test('is parsed once while it is cached.', () => {
    const subject = names.subject('account-1');
    const [first, other, again] = streamsOf(subject, names.subject('account-2'), subject);
    expect(again).toBe(first);
    expect(other!.text).toBe('account-2');
  });

  test('is not confused with one that has the same hash.', () => {
    // The hash of two bytes is 31 times the first one plus the second.
    const [one, other, again] = streamsOf(...['Aa', 'BB', 'Aa'].map((id) => names.subject(`account-${id}`)));
    expect([one!.text, other!.text, again!.text]).toEqual(['account-Aa', 'account-BB', 'account-Aa']);
  });
});

describe('The position of a delivered message', () => {
  const withHeaders = (...names: readonly string[]) => {
    const values = headers();
    for (const name of names) values.set(name, name === 'Pw-Pos' ? '4711' : 'x');
    return values;
  };

  test('is read from its bytes if it is the first header.', () => {
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
