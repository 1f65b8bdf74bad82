import { request } from 'node:http';

/** An answer. */
export type Answer = { readonly status: number; readonly text: string; readonly ms: number };

/**
 * Sends one request on a new connection and closes it after the answer, so that no pool carries connections of one
 * test, or of a killed server, to the next. Rejects if the connection breaks.
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
