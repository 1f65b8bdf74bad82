import type { Msg, MsgHdrs, NatsConnection, PublishOptions } from '@nats-io/transport-node';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { WriteAnswers } from '../../src/store/nats/write-answers.ts';

type Answer = { readonly data?: string; readonly code?: number };

/** A connection whose server answers when the test says so. */
class FakeConnection {
  readonly replies: string[] = [];
  #hear: ((error: Error | null, message: Msg) => void) | undefined;

  readonly connection = {
    subscribe: (_subject: string, { callback }: { callback: (error: Error | null, message: Msg) => void }) => {
      this.#hear = callback;
    },
    publish: (_subject: string, _payload: string, { reply }: PublishOptions) => void this.replies.push(reply!),
  } as unknown as NatsConnection;

  answer(reply: string, { data = '', code = 0 }: Answer): void {
    this.#hear!(null, { subject: reply, data: Buffer.from(data), headers: { code } } as unknown as Msg);
  }
}

describe('The answers to writes', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    return () => vi.useRealTimers();
  });

  const start = () => {
    const fake = new FakeConnection();
    const answers = new WriteAnswers(fake.connection, 'inbox', (subject) => new Error(`nobody at ${subject}`));
    const write = (subject: string, timeoutMs = 2_000) => answers.write(subject, '', {} as MsgHdrs, timeoutMs);
    return { fake, answers, write };
  };

  test('reach their own write, in whatever order they arrive.', async () => {
    const { fake, answers, write } = start();
    const writes = [write('a'), write('b')];
    fake.answer(fake.replies[1]!, { data: 'second' });
    fake.answer(fake.replies[0]!, { data: 'first' });
    expect((await Promise.all(writes)).map(({ data }) => String(data))).toEqual(['first', 'second']);
    expect(answers.waiting).toBe(0);
  });

  test('are awaited until their deadline, and ignored afterwards.', async () => {
    const { fake, answers, write } = start();
    const late = expect(write('a', 100)).rejects.toMatchObject({ name: 'TimeoutError' });
    const patient = write('b', 1_000);
    vi.advanceTimersByTime(200);
    await late;
    expect(answers.waiting).toBe(1);
    fake.answer(fake.replies[0]!, { data: 'late' });
    fake.answer(fake.replies[1]!, { data: 'in time' });
    expect(String((await patient).data)).toBe('in time');
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(50);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('report that there is no responder.', async () => {
    const { fake, write } = start();
    const alone = write('a');
    fake.answer(fake.replies[0]!, { code: 503 });
    await expect(alone).rejects.toThrow('nobody at a');
  });

  test('are not awaited for a subject that the server refuses.', async () => {
    const { fake, answers, write } = start();
    const refused = write('a');
    const other = write('b');
    answers.refuse('a', new Error('no permission'));
    await expect(refused).rejects.toThrow('no permission');
    fake.answer(fake.replies[1]!, { data: 'b' });
    expect(String((await other).data)).toBe('b');
  });

  test('are not awaited once the connection is closed.', async () => {
    const { answers, write } = start();
    const cut = write('a');
    answers.close();
    await expect(cut).rejects.toThrow('closed');
    expect([answers.waiting, vi.getTimerCount()]).toEqual([0, 0]);
  });
});
