import { describe, expect, test, vi } from 'vitest';
import { framesOf, useFakeClock } from './scripted-server.ts';
import { names, subscribe } from './scripted-subscription.ts';

const log = framesOf('aaaa-1111');

useFakeClock();

describe('credentials', () => {
  test('are renewed when the server refuses them', async () => {
    const token = vi.fn().mockReturnValueOnce('old').mockReturnValueOnce('new');
    const { server, states } = await subscribe({ all: true }, { token });
    await server.nth(1).refuse(403, 'AUTH_UNAUTHORIZED');
    expect(states.at(-1)?.name).toBe('away');
    await vi.advanceTimersByTimeAsync(250);
    expect(server.nth(2).headers.get('authorization')).toBe('Bearer new');
  });

  test('are renewed when the server reports that they were revoked', async () => {
    const token = vi.fn().mockReturnValueOnce('old').mockReturnValueOnce('new');
    const { server } = await subscribe({ all: true }, { token });
    await server.nth(1).open(log.hello(0, 0) + log.end('revoked'));
    await vi.advanceTimersByTimeAsync(3_000);
    expect(server.nth(2).headers.get('authorization')).toBe('Bearer new');
  });

  test('are renewed before they expire, without a wait', async () => {
    const token = vi.fn(() => ({ token: `t${token.mock.calls.length}`, expiresAt: Date.now() + 60_000 }));
    const { server, states } = await subscribe({ all: true }, { token });
    const stream = await server.nth(1).open(log.hello(0, 0));
    for (let s = 0; s < 56; s += 4) {
      if (!stream.isAborted) await stream.send(log.heartbeat(0));
      await vi.advanceTimersByTimeAsync(4_000);
    }
    expect(server.requests[1]!.headers.get('authorization')).toBe('Bearer t2');
    expect(server.requests[1]!.headers.get('last-event-id')).toBe('0-aaaa');
    expect(names(states)).not.toContain('away');
  });

  test('that are refused although they are new end the subscription', async () => {
    const { server, states } = await subscribe({ all: true }, { token: () => 'bad' });
    for (let tries = 1; tries <= 4; tries++) {
      await server.nth(tries).refuse(401, 'AUTH_INVALID_TOKEN');
      await vi.advanceTimersByTimeAsync(2 ** tries * 125);
    }
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'AUTH_INVALID_TOKEN' });
    expect(server.requests.length).toBe(4);
  });

  test('that cannot be renewed end the subscription', async () => {
    const { server, states } = await subscribe({ all: true }, { token: 'fixed' });
    await server.nth(1).refuse(401, 'AUTH_INVALID_TOKEN');
    expect(states.at(-1)).toMatchObject({ name: 'ended', code: 'AUTH_INVALID_TOKEN' });
  });

  test('whose function fails are requested again', async () => {
    const ticket = vi.fn().mockRejectedValueOnce(new Error('no')).mockResolvedValueOnce('good');
    const { server, states } = await subscribe({ all: true }, { ticket });
    expect(states.at(-1)).toMatchObject({ name: 'away', why: { code: 'CREDENTIAL' } });
    await vi.advanceTimersByTimeAsync(250);
    expect(server.nth(1).query.ticket).toBe('good');
  });
});
