import { once } from 'node:events';
import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { startTestApp } from '../support/start-app.ts';

/** More headers than Node's parser keeps before it hands them over, which runs what waits for its turn. */
const manyHeaders = Array.from({ length: 120 }, (_, index) => `X-${index}: a\r\n`).join('');

test.each(['/subscribe?category=a', '/subscribe?all=true', '/diagnose/stream'])(
  'A stream between two requests of one packet does not end the server while it still reads the packet: %s.',
  async (target) => {
    await using app = await startTestApp();
    const packet = `GET /health HTTP/1.1\r\nHost: x\r\n${manyHeaders}\r\nGET ${target} HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n`;
    for (let attempt = 0; attempt < 20; attempt++) {
      const socket = connect(app.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.write(packet);
      const [answer] = await once(socket, 'data');
      expect(String(answer)).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
      const closed = once(socket, 'close');
      socket.destroy();
      await closed;
    }
    expect((await app.get('/health')).status).toBe(200);
  },
);
