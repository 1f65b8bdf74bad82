/**
 * Number, position and stream of a message delivered by JetStream: parsed from bytes, and from the client's decoded
 * values.
 */
import { type Msg, MsgHdrsImpl } from '@nats-io/transport-node';
import type { LogId } from '../../src/store/log-id.ts';
import { DeliveryParser, positionOfDelivered } from '../../src/store/nats/delivery.ts';
import { positionOf } from '../../src/store/nats/stored-message.ts';
import { SubjectStreams } from '../../src/store/nats/subject-streams.ts';
import { LogNames } from '../../src/store/nats/subjects.ts';
import { type Cost, measure } from './bench.ts';

/** Headers that a JetStream consumer delivers without the payload. */
const bytes = Buffer.from(
  [
    'NATS/1.0',
    'Pw-Pos: 4711',
    'Nats-Msg-Id: 0197a3c2-7b1e-7c52-9d3f-2a6b8c0d4e5f',
    'Pw-Type: Deposited',
    'Pw-Meta: 93',
    'Nats-Expected-Last-Subject-Sequence: 1234567',
    'Nats-Msg-Size: 177',
    '\r\n',
  ].join('\r\n'),
);

const names = new LogNames('pokewire', '0197a3c2-7b1e-7c52-9d3f-2a6b8c0d4e5f' as LogId);
const consumer = 'c0nsumerN4m-';
const subject = Buffer.from(names.subject('account-4711'));
const reply = Buffer.from(`$JS.ACK.${names.stream}.${consumer}.1.4711.42.1795783429413288649.995289`);

/**
 * A message as the client represents it: it decodes subjects on each access. `hasBytes`: it also exposes their bytes.
 */
const messageOf = (hasBytes: boolean) =>
  ({
    ...(hasBytes ? { _msg: { subject, reply } } : {}),
    get subject() {
      return subject.toString();
    },
    get reply() {
      return reply.toString();
    },
  }) as unknown as Msg;

function measureAddress(name: string, message: Msg): Promise<Cost> {
  const parser = new DeliveryParser(consumer);
  const streams = new SubjectStreams(names);
  return measure(name, (count) => {
    for (let n = 0; n < count; n++) {
      parser.parse(message);
      streams.of(message);
    }
  });
}

export async function delivered(): Promise<Record<string, Cost>> {
  const message = { _rdata: bytes } as unknown as Msg;
  return {
    'address from bytes': await measureAddress('number and stream of a delivery from bytes', messageOf(true)),
    'address from texts': await measureAddress('number and stream of a delivery from decoded texts', messageOf(false)),
    'position from bytes': await measure('position of a delivered message from its bytes', (count) => {
      for (let n = 0; n < count; n++) positionOfDelivered(message);
    }),
    'position from headers': await measure('position of a delivered message from its decoded headers', (count) => {
      for (let n = 0; n < count; n++) positionOf(MsgHdrsImpl.decode(bytes));
    }),
  };
}
