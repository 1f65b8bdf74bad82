import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LogId } from '../../src/store/log-id.ts';
import { LogStream } from '../../src/store/nats/log-stream.ts';
import { JetStreamRefusal, refusals } from '../../src/store/nats/nats-faults.ts';
import type { HeaderValues, NatsLink, PublishAnswer } from '../../src/store/nats/nats-link.ts';
import { SharedBatches } from '../../src/store/nats/shared-batches.ts';

type Sent = { readonly subject: string; readonly values: HeaderValues; readonly isAnswered: boolean };

/** A connection that records sent messages, and answers with `answer` each message that requests an answer. */
class FakeLink {
  readonly sent: Sent[] = [];
  answer: (sent: Sent) => PublishAnswer;

  constructor(answer: (sent: Sent) => PublishAnswer) {
    this.answer = answer;
  }

  headers(values: HeaderValues): HeaderValues {
    return values;
  }

  publish(subject: string, _payload: unknown, values: HeaderValues): void {
    this.sent.push({ subject, values, isAnswered: false });
  }

  async write(subject: string, _payload: unknown, values: HeaderValues): Promise<PublishAnswer> {
    const sent = { subject, values, isAnswered: true };
    this.sent.push(sent);
    return this.answer(sent);
  }

  log(id: string): LogStream {
    return new LogStream(this as unknown as NatsLink, 'test', id as LogId, () => {});
  }

  /** Subjects of batches, and of messages alone, in the order of their answers. */
  get groups(): string[] {
    const groups: string[] = [];
    let gathered = '';
    for (const { subject, isAnswered } of this.sent) {
      gathered += subject;
      if (!isAnswered) continue;
      groups.push(gathered);
      gathered = '';
    }
    return groups;
  }
}

const isCommit = ({ values }: Sent) => values['Nats-Batch-Commit'] === 1;

describe('Appends to a log with several copies', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
  afterEach(() => void vi.useRealTimers());

  const message = (bytes = 2) => ({ headers: { 'Nats-Msg-Id': 'id' }, payload: Buffer.alloc(bytes) });
  /** Writes to subjects named by one character each, expecting 7, 8 and so on. */
  const writeAll = (batches: SharedBatches, log: LogStream, subjects: string, bytes?: number) =>
    Promise.all([...subjects].map((subject, at) => batches.write(log, subject, message(bytes), 7 + at, 2_000)));

  test('share one batch, each with its expectation, and each learns its sequence number', async () => {
    const link = new FakeLink(() => ({ seq: 53 }));
    const answers = await writeAll(new SharedBatches(3), link.log('log'), 'abc');
    expect(answers.map(({ seq }) => seq)).toEqual([51, 52, 53]);
    expect(link.groups).toEqual(['abc']);
    expect(link.sent.map(({ values }) => values['Nats-Batch-Sequence'])).toEqual([1, 2, 3]);
    expect(link.sent.map(({ values }) => values['Nats-Expected-Last-Subject-Sequence'])).toEqual([7, 8, 9]);
  });

  test('are sent alone if they begin alone, if there is one copy, or if little time is left', async () => {
    const link = new FakeLink(() => ({ seq: 1 }));
    const log = link.log('log');
    const batches = new SharedBatches(3);
    await writeAll(batches, log, 'a');
    await writeAll(batches, log, 'b');
    await writeAll(new SharedBatches(1), log, 'cd');
    await Promise.all(['e', 'f'].map((subject) => batches.write(log, subject, message(), 7, 1_999)));
    expect(link.groups).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(link.sent.some(({ values }) => 'Nats-Batch-Id' in values)).toBe(false);
  });

  test('share a batch per log', async () => {
    const link = new FakeLink(() => ({ seq: 9 }));
    const batches = new SharedBatches(3);
    await Promise.all([writeAll(batches, link.log('one'), 'ab'), writeAll(batches, link.log('other'), 'cd')]);
    expect(link.groups).toEqual(['ab', 'cd']);
  });

  test('use several batches if they are many or large', async () => {
    const link = new FakeLink(() => ({ seq: 1_000 }));
    const log = link.log('log');
    const batches = new SharedBatches(3);
    await writeAll(batches, log, 'a'.repeat(200));
    await writeAll(batches, log, 'bcd', 100_000);
    await writeAll(batches, log, 'e', 1_000_000);
    expect(link.groups.map(({ length }) => length)).toEqual([128, 72, 2, 1, 1]);
  });

  test('are repeated alone if the batch is refused, and later ones are sent alone for a while', async () => {
    const conflict = new JetStreamRefusal(refusals.wrongLastSequence, 'wrong last sequence');
    const link = new FakeLink((sent) => {
      if (isCommit(sent) || sent.subject === 'b') throw conflict;
      return { seq: 9 };
    });
    const log = link.log('log');
    const batches = new SharedBatches(3);
    const [a, b, c] = ['a', 'b', 'c'].map((subject) => batches.write(log, subject, message(), 7, 2_000));
    await expect(b).rejects.toBe(conflict);
    expect(await a).toEqual({ seq: 9 });
    expect(await c).toEqual({ seq: 9 });
    await writeAll(batches, log, 'de');
    vi.advanceTimersByTime(200);
    link.answer = () => ({ seq: 11 });
    await writeAll(batches, log, 'fg');
    expect(link.groups).toEqual(['abc', 'a', 'b', 'c', 'd', 'e', 'fg']);
  });

  test('are all unanswered if the batch is: it may have been stored', async () => {
    const fault = new Error('no answer');
    const link = new FakeLink(() => {
      throw fault;
    });
    const batches = new SharedBatches(3);
    const writes = ['a', 'b'].map((subject) => batches.write(link.log('log'), subject, message(), 7, 2_000));
    for (const write of writes) await expect(write).rejects.toBe(fault);
    expect(link.groups).toEqual(['ab']);
  });
});
