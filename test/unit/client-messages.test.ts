import { describe, expect, test, vi } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { ScriptedServer, settle, useFakeClock } from './scripted-server.ts';

useFakeClock();

function client(options: Parameters<typeof connect>[1] = {}) {
  const server = new ScriptedServer();
  return { server, pokewire: connect('http://server.test/base/', { fetch: server.fetch, ...options }) };
}

const message = { type: 'Deposited', data: { amount: 100 } };
const appended = { stream: 'account-1', position: 5, globalPosition: 9, count: 1 };

describe('append', () => {
  test('sends the message with a generated id to the stream, below the base of the address', async () => {
    const { server, pokewire } = client();
    const appending = pokewire.append('account-å/1', message, { expectedVersion: 4 });
    await settle();
    const request = server.nth(1);
    expect(request.method).toBe('POST');
    expect(request.url.pathname).toBe('/base/streams/account-%C3%A5%2F1/messages');
    expect(request.query).toEqual({ expectedVersion: '4' });
    expect(JSON.parse(request.body!)).toEqual({ ...message, id: expect.stringMatching(/^[0-9a-f-]{36}$/) });
    await request.json(201, appended);
    expect(await appending).toEqual(appended);
  });

  test('makes a UUID of version 4', async () => {
    const { server, pokewire } = client();
    pokewire.append('a', [message, message]).catch(() => {});
    await settle();
    const [first, second] = JSON.parse(server.nth(1).body!) as { id: string }[];
    expect(first!.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(second!.id).not.toBe(first!.id);
  });

  test('repeats the same bytes after a temporary fault', async () => {
    const { server, pokewire } = client();
    const appending = pokewire.append('account-1', message);
    await settle();
    const { body } = server.nth(1);
    await server.nth(1).fail();
    await vi.advanceTimersByTimeAsync(250);
    await server.nth(2).page(502);
    await vi.advanceTimersByTimeAsync(500);
    await server.nth(3).refuse(503, 'OVERLOADED', { 'retry-after': '3' });
    await vi.advanceTimersByTimeAsync(3_000);
    await server.nth(4).json(200, appended);
    expect(await appending).toEqual(appended);
    expect(server.requests.map((request) => request.body)).toEqual([body, body, body, body]);
  });

  test('rejects at once with the server’s error if a retry cannot help', async () => {
    const { server, pokewire } = client();
    const appending = pokewire.append('account-1', message, { expectedVersion: 3 });
    const failure = expect(appending).rejects.toMatchObject({
      name: 'ClientError',
      code: 'STREAM_VERSION_CONFLICT',
      status: 409,
      details: { expected: 3, actual: 5 },
      passes: false,
    });
    await settle();
    await server.nth(1).json(409, {
      error: { code: 'STREAM_VERSION_CONFLICT', message: 'no', details: { expected: 3, actual: 5 } },
    });
    await failure;
  });

  test.each(['<html>', '{"error":"'])(
    'reads no more of another server’s error than Pokewire would send: %s',
    async (text) => {
      let bytes = 0;
      let isCancelled = false;
      const piece = new TextEncoder().encode(text.repeat(1_000));
      const endless = new ReadableStream<Uint8Array>({
        pull(controller) {
          bytes += piece.length;
          controller.enqueue(piece);
        },
        cancel() {
          isCancelled = true;
        },
      });
      const fetch = async () => new Response(endless, { status: 500, headers: { 'content-type': 'application/json' } });
      const failure = connect('http://server.test', { fetch }).append('account-1', message, { retryForMs: 0 });
      await expect(failure).rejects.toMatchObject({ code: 'HTTP_500', status: 500 });
      expect(isCancelled).toBe(true);
      expect(bytes).toBeLessThan(100_000);
    },
  );

  test('gives up when the time is over, with the last fault', async () => {
    const { server, pokewire } = client();
    const failure = expect(pokewire.append('account-1', message, { retryForMs: 1_000 })).rejects.toMatchObject({
      code: 'UNREACHABLE',
    });
    await settle();
    await server.nth(1).fail();
    await vi.advanceTimersByTimeAsync(250);
    await server.nth(2).fail();
    await vi.advanceTimersByTimeAsync(500);
    await server.nth(3).fail();
    await failure;
  });

  test('renews a token that is refused, once', async () => {
    const token = vi.fn().mockReturnValueOnce('old').mockReturnValue('new');
    const { server, pokewire } = client({ token });
    const failure = expect(pokewire.append('account-1', message)).rejects.toMatchObject({ code: 'AUTH_INVALID_TOKEN' });
    await settle();
    await server.nth(1).refuse(401, 'AUTH_INVALID_TOKEN');
    expect(server.nth(2).headers.get('authorization')).toBe('Bearer new');
    await server.nth(2).refuse(401, 'AUTH_INVALID_TOKEN');
    await failure;
    expect(server.requests.length).toBe(2);
  });

  test('stops when its signal aborts, even between two attempts', async () => {
    const { server, pokewire } = client();
    const stopping = new AbortController();
    const failure = expect(pokewire.append('a', message, { signal: stopping.signal })).rejects.toThrow('enough');
    await settle();
    await server.nth(1).fail();
    stopping.abort(new Error('enough'));
    await failure;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.requests.length).toBe(1);
  });

  test('gives up a request that is never answered, and repeats it', async () => {
    const { server, pokewire } = client();
    pokewire.append('a', message, { retryForMs: 60_000 }).catch(() => {});
    await vi.advanceTimersByTimeAsync(30_000);
    expect(server.requests[0]!.isAborted).toBe(true);
    await vi.advanceTimersByTimeAsync(250);
    expect(server.requests.length).toBe(2);
  });

  test('calls a token function once for concurrent requests', async () => {
    const token = vi.fn(async () => 'one');
    const { server, pokewire } = client({ token });
    for (let i = 0; i < 3; i++) pokewire.append('a', message).catch(() => {});
    await settle();
    expect(server.requests.length).toBe(3);
    expect(token).toHaveBeenCalledTimes(1);
  });
});

describe('read', () => {
  const page = (from: number, count: number) =>
    Array.from({ length: count }, (_, i) => ({ stream: 'account-1', position: i, globalPosition: from + i }));

  test('continues after a full page and ends with the first one that is not full', async () => {
    const { server, pokewire } = client();
    const positions: number[] = [];
    const reading = (async () => {
      const options = { category: 'account', position: 1_000, batchSize: 3, consumer: 1, size: 2 };
      for await (const { globalPosition } of pokewire.read(options)) positions.push(globalPosition);
    })();
    await settle();
    expect(server.nth(1).url.pathname).toBe('/base/categories/account/messages');
    expect(server.nth(1).query).toEqual({ position: '1000', batchSize: '3', consumer: '1', size: '2' });
    await server.nth(1).json(200, page(1_001, 3));
    expect(server.nth(2).query).toEqual({ position: '1004', batchSize: '3', consumer: '1', size: '2' });
    await server.nth(2).json(200, page(1_007, 2));
    await reading;
    expect(positions).toEqual([1_001, 1_002, 1_003, 1_007, 1_008]);
  });

  test('continues in a stream by the global position', async () => {
    const { server, pokewire } = client();
    const reading = pokewire.read({ stream: 'account-1', position: 2, batchSize: 1 });
    const first = reading.next();
    await settle();
    await server.nth(1).json(200, page(7, 1));
    expect((await first).value).toMatchObject({ globalPosition: 7 });
    reading.next().catch(() => {});
    await settle();
    expect(server.nth(2).query).toEqual({ position: '2', globalPosition: '8', batchSize: '1' });
  });

  test('requests the same page again after a fault', async () => {
    const { server, pokewire } = client();
    const next = pokewire.read({ stream: 'account-1' }).next();
    await settle();
    await server.nth(1).page(503, { 'retry-after': '1' });
    await vi.advanceTimersByTimeAsync(1_000);
    expect(server.nth(2).query).toEqual({ batchSize: '1000' });
    await server.nth(2).json(200, []);
    expect(await next).toEqual({ done: true, value: undefined });
  });
});
