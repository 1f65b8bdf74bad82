import { isIP } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { PokewireError } from '../../errors.ts';

/** Hosts whose answer is kept, so that most requests cost a look-up. */
const maxKnownHosts = 64;

/** What decides which `Host` is answered. */
export type AllowedHostsOptions = {
  /** Address the server listens on. */
  readonly host: string;
  /** Names beside the loopback ones; `*.name`: every name below it; `*`: all. */
  readonly allowedHosts: readonly string[];
};

/**
 * Refuses requests for other hosts before anything else of them is read. A page can make its own name resolve to this
 * server (DNS rebinding), and the browser then takes the server for the page's own; only the `Host` still tells.
 */
export function useAllowedHosts(server: FastifyInstance, options: AllowedHostsOptions): void {
  const isAllowed = hostCheck(options);
  const known = new Set<string>();
  server.addHook('onRequest', (request, _reply, done) => {
    const host = authorityOf(request.url) ?? request.headers.host;
    // HTTP/1.0 needs no Host; every browser sends one.
    if (host === undefined || known.has(host)) return done();
    if (!isAllowed(host)) return done(misdirected(host));
    if (known.size < maxKnownHosts) known.add(host);
    done();
  });
}

/** Judges the value of a `Host` header; its port does not matter. */
export function hostCheck({ host, allowedHosts }: AllowedHostsOptions): (given: string) => boolean {
  const names = new Set(allowedHosts.map(nameOf));
  const suffixes = [...names].filter((name) => name.startsWith('*.')).map((name) => name.slice(1));
  // A page has to have a name before it can rebind it, so an address is safe. Other machines know this one by addresses
  // that it need not know itself.
  const takesAddresses = !isLoopback(nameOf(host));
  return (given) => {
    const name = nameOf(given.replace(/:\d*$/, ''));
    return (
      names.has('*') ||
      isLoopback(name) ||
      (takesAddresses && isIP(name) !== 0) ||
      names.has(name) ||
      suffixes.some((suffix) => name.endsWith(suffix) && name.length > suffix.length)
    );
  };
}

/** A name in lower case without the dot of the root, an address without brackets. */
function nameOf(host: string): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
}

/** Loopback addresses, `localhost`, and what is below it, which never resolves to anything else (RFC 6761, 6.3). */
function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name) || name.endsWith('.localhost');
}

/** The host of a target in absolute form, which wins over the header (RFC 9112, 3.2.2). */
function authorityOf(target: string): string | undefined {
  return target.startsWith('/') ? undefined : /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(target)?.[1];
}

function misdirected(host: string): PokewireError {
  const name = host.slice(0, 128);
  return new PokewireError(
    'HOST_NOT_ALLOWED',
    `This server does not answer to the host ${JSON.stringify(name)}. If it should, start it with the name in --allowed-hosts ` +
      '(POKEWIRE_ALLOWED_HOSTS); a proxy can also set Host to localhost.',
    { details: { host: name } },
  );
}
