import { request } from 'node:http';

/** What came back. */
export type Answer = { readonly status: number; readonly text: string; readonly ms: number };

/**
 * One request on a connection of its own, which is gone when the answer is there: nothing of one test, nor of a server
 * that was killed, is in a pool for the next. Rejects when the connection breaks.
 */
export function ask(
  url: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<Answer> {
  const startMs = performance.now();
  return new Promise((resolve, reject) => {
    const asked = request(url, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: response.statusCode!, text, ms: performance.now() - startMs });
      });
    });
    asked.on('error', reject);
    asked.end(body);
  });
}
