import { isIP } from 'node:net';
import { quote } from './flags.ts';

/** Checks a value that matches its schema. Returns the problem as the end of a sentence, or undefined. */
type Judge = (value: string) => string | undefined;

const hostName = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;

/** An IP address or a host name. Only listening shows whether it belongs to this machine. */
export const judgeHost: Judge = (host) =>
  isIP(host) !== 0 || hostName.test(host)
    ? undefined
    : 'is neither an IP address nor a host name (no port, no scheme, IPv6 without brackets)';

/** A pattern for `Host` without port: a name, `*.name`, `*` or an address. */
export const judgeAllowedHost: Judge = (host) => {
  const isAddress = isIP(host) === 4 || (/^\[.*\]$/.test(host) && isIP(host.slice(1, -1)) === 6);
  return host === '*' || isAddress || hostName.test(host.replace(/^\*\./, ''))
    ? undefined
    : `has ${quote(host)}, which is not a host name such as pokes.example, *.example or [2001:db8::1] (no scheme, no port)`;
};

const namedRanges = new Set(['loopback', 'linklocal', 'uniquelocal']);

/** An address, a range of addresses in CIDR notation, or one of the named ranges. */
export const judgeProxy: Judge = (range) => {
  if (namedRanges.has(range)) return undefined;
  const [, address = '', prefix] = /^([^/]*)(?:\/([0-9]{1,3}))?$/.exec(range) ?? [];
  const version = isIP(address);
  if (version === 0 || address.includes('%')) {
    return `has ${quote(range)}, which is neither an IP address, nor a range such as 10.0.0.0/8, nor one of ${[...namedRanges].join(', ')}`;
  }
  const longest = version === 4 ? 32 : 128;
  const isRange = prefix === undefined || (Number(prefix) >= 1 && Number(prefix) <= longest);
  return isRange ? undefined : `has ${quote(range)}, whose prefix must be from 1 to ${longest} bits`;
};

/** An origin as a browser sends it. */
export const judgeOrigin: Judge = (origin) => {
  // Extensions and apps have special schemes, for which `URL` reports the origin `null`.
  if (origin === '*' || /^(?!https?:|file:)[a-z][a-z0-9+.-]*:\/\/[a-z0-9._-]+$/i.test(origin)) return undefined;
  const url = URL.parse(origin);
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === '') {
    return `has ${quote(origin)}, which is not an origin such as https://app.example`;
  }
  return url.origin === origin
    ? undefined
    : `has ${quote(origin)}, which no browser sends as its origin; write ${url.origin}`;
};

/** Whether a token fits into an `Authorization` header. */
export function isSendable(token: string): boolean {
  return /^[\x21-\x7e]*$/.test(token);
}
