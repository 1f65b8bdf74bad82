import { isIP } from 'node:net';
import { PokewireError } from '../../errors.ts';

/** What decides which `Host` is answered. */
export type AllowedHostsOptions = {
  /** Address the server listens on. */
  readonly host: string;
  /** Names beside the loopback ones; `*.name`: every name below it; `*`: all. */
  readonly allowedHosts: readonly string[];
};

/**
 * Judges the value of a `Host` header; its port does not matter. A page can make its own name resolve to this server (DNS
 * rebinding), and the browser then takes the server for the page's own; only the `Host` still tells.
 */
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

/** The refusal of a request for a host that is not allowed. */
export function misdirected(host: string): PokewireError {
  const name = host.slice(0, 128);
  return new PokewireError(
    'HOST_NOT_ALLOWED',
    `This server does not serve the host ${JSON.stringify(name)}. To allow it, start the server with this name in --allowed-hosts ` +
      '(POKEWIRE_ALLOWED_HOSTS); a proxy can also set Host to localhost.',
    { details: { host: name } },
  );
}
