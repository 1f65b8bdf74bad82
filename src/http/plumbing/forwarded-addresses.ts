import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';

/**
 * Tidies `X-Forwarded-For` before anybody reads the address of a request. Some proxies add the port of the peer, and with it
 * every connection would count as an address of its own.
 */
export function useForwardedAddresses(server: FastifyInstance): void {
  server.addHook('onRequest', ({ raw: { headers } }, _reply, done) => {
    const given = headers['x-forwarded-for'];
    if (given !== undefined) headers['x-forwarded-for'] = forwardedAddresses(String(given));
    done();
  });
}

/**
 * The addresses of the header without ports and brackets. What is none ends the list, seen from the last proxy: who stands
 * behind it is not known, so the proxy's own address counts.
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
