/** The position of a message delivered by JetStream: parsed from its bytes, and from headers decoded by the client. */
import { type Msg, MsgHdrsImpl } from '@nats-io/transport-node';
import { positionOfDelivered } from '../../src/store/nats/delivery.ts';
import { positionOf } from '../../src/store/nats/stored-message.ts';
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

export async function delivered(): Promise<Record<string, Cost>> {
  const message = { _rdata: bytes } as unknown as Msg;
  return {
    'position from bytes': await measure('position of a delivered message from its bytes', (count) => {
      for (let n = 0; n < count; n++) positionOfDelivered(message);
    }),
    'position from headers': await measure('position of a delivered message from its decoded headers', (count) => {
      for (let n = 0; n < count; n++) positionOf(MsgHdrsImpl.decode(bytes));
    }),
  };
}
