import { expect, test } from 'vitest';
import { FaultServer } from './support/server.ts';

test('A log that nobody reads holds up neither requests nor the stop.', async () => {
  await using server = await FaultServer.start([], { isUnheard: true });
  // Far more, half a megabyte, than a pipe holds.
  for (let round = 0; round < 30; round++) {
    const path = `/streams/${'x'.repeat(800)}`;
    const answers = await Promise.all(Array.from({ length: 20 }, () => server.ask(path)));
    expect(answers.every(({ status }) => status === 404)).toBe(true);
  }
  const startMs = performance.now();
  server.kill('SIGTERM');
  expect(await server.exit).toBe(0);
  expect(performance.now() - startMs).toBeLessThan(10_000);
});
