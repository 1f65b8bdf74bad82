import { isIP } from 'node:net';
import { PokewireError } from '../../errors.ts';

/** Options that decide which `Host` values are accepted. */
export type AllowedHostsOptions = {
  /** Address that the server listens on. */
  readonly host: string;
  /** Names accepted in addition to the loopback ones; `*.name`: all its subdomains; `*`: all. */
  readonly allowedHosts: readonly string[];
};

/**
 * Checks the value of a `Host` header, without its port. A page can make its own name resolve to this server (DNS
 * rebinding); the browser then treats the server as the page's own origin, and only `Host` still shows the difference.
 */
export function hostCheck({ host, allowedHosts }: AllowedHostsOptions): (given: string) => boolean {
  const names = new Set(allowedHosts.map(nameOf));
  const suffixes = [...names].filter((name) => name.startsWith('*.')).map((name) => name.slice(1));
  // A page needs a name to rebind, so addresses are safe. Other machines reach this one by addresses that it may not know.
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

/** A name in lower case without the trailing dot, or an address without brackets. */
function nameOf(host: string): string {
  const name = host.toLowerCase().replace(/\.$/, '');
  return name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name;
}

/** Loopback addresses, `localhost` and its subdomains, which never resolve to anything else (RFC 6761, 6.3). */
function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '::1' || /^127(\.\d{1,3}){3}$/.test(name) || name.endsWith('.localhost');
}

/** The error for a request with a host that is not allowed. */
export function misdirected(host: string): PokewireError {
  const name = host.slice(0, 128);
  return new PokewireError(
    'HOST_NOT_ALLOWED',
    `This server does not serve the host ${JSON.stringify(name)}. To allow it, start the server with this name in --allowed-hosts ` +
      '(POKEWIRE_ALLOWED_HOSTS); a proxy can also set Host to localhost.',
    { details: { host: name } },
  );
}
