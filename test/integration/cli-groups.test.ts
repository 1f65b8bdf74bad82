import { describe, expect, test } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { runHere } from '../support/run-command.ts';
import { startTestApp, type TestApp } from '../support/start-app.ts';

const on = (app: TestApp, ...args: string[]) => [...args, '--url', app.url];
const placed = { type: 'Placed', data: {} };

describe('groups', () => {
  test('reports that there are none.', async () => {
    await using app = await startTestApp();
    expect(await runHere('groups', on(app))).toEqual({
      code: 0,
      stdout: 'There are no consumer groups. The first member to join creates one.\n',
      stderr: '',
    });
    expect(await runHere('groups', on(app, '--json'))).toMatchObject({ stdout: '' });
  });

  test('shows owners, lag and parked streams.', async () => {
    await using app = await startTestApp();
    const pokewire = connect(app.url);
    for (const stream of ['order-1', 'order-2', 'order-1']) await pokewire.append(stream, placed);
    const held = Promise.withResolvers<void>();
    const work = { category: 'order', group: 'billing', member: 'worker-1', size: 2 };
    const worker = pokewire.consume(
      work,
      ({ stream }) => {
        if (stream === 'order-1') throw new Error('no such account');
      },
      { retryMs: [], maxAttempts: 1, onHeld: () => held.resolve() },
    );
    await held.promise;
    const show = async () => (await runHere('groups', on(app))).stdout;
    await expect.poll(show, { timeout: 20_000 }).toMatch(/caught up\n {2}worker-1 {2}owns 0 1/);
    const text = await show();
    expect(text).toMatch(/^billing {2}category order, 2 partitions, stable, caught up\n/);
    expect(text).toMatch(/\n {2}partition {2}member {4}generation {2}checkpoint {2}lag\n {2}0 {10}worker-1 /);
    expect(text).toContain('  order-1@0 of partition 0 is parked, 1 attempt: Error: no such account\n');
    await worker.stop();
    await pokewire.append('order-2', placed);
    const { stdout } = await runHere('groups', on(app, 'billing', '--json'));
    expect(JSON.parse(stdout)).toMatchObject({
      group: 'billing',
      state: 'empty',
      members: [],
      lag: { messages: 1 },
      held: [{ stream: 'order-1', position: 0, retryAt: null }],
    });
    expect(await runHere('groups', on(app))).toMatchObject({ stdout: expect.stringContaining('1 message behind, ') });
  });

  test('reports that a group does not exist.', async () => {
    await using app = await startTestApp();
    const { code, stderr } = await runHere('groups', on(app, 'biling'));
    expect([code, stderr]).toEqual([1, expect.stringMatching(/^pokewire: The server answered 404: .*biling/)]);
  });
});
