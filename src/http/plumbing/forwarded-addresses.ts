import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Normalizes `X-Forwarded-For` before a request's address is read. Some proxies add the peer's port, which would make
 * every connection a different address.
 */
export function useForwardedAddresses(server: FastifyInstance): void {
  server.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const given = headers['x-forwarded-for'];
    if (given !== undefined) headers['x-forwarded-for'] = forwardedAddresses(String(given));
    done();
  });
}

/**
 * The header's addresses without ports and brackets. An invalid entry, read from the last proxy, ends the list:
 * addresses before it are unknown, so the proxy's own address counts.
 */
export function forwardedAddresses(header: string): string {
  const entries = header.split(',').map(addressOf);
  return entries.slice(entries.lastIndexOf(undefined) + 1).join(', ');
}

function addressOf(entry: string): string | undefined {
  const text = entry.trim();
  const bare = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(text)?.[1] ?? /^([\d.]+):\d{1,5}$/.exec(text)?.[1] ?? text;
  return isIP(bare) === 0 ? undefined : bare;
}
