import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProxyFiles } from '../support/real-proxy.ts';

const guide = readFileSync(new URL('../../docs/deploying.md', import.meta.url), 'utf8');

/** The configuration that docs/deploying.md shows under this name: what the tests run is what readers copy. */
export function documented(name: string): string {
  const [, text] = new RegExp(`<!-- tested: ${name} -->\\n\`\`\`\\w+\\n([^]*?)\`\`\`\\n`).exec(guide) ?? [];
  if (text === undefined) throw new Error(`docs/deploying.md has no configuration ${name}`);
  return text;
}

/** Puts other values in place of those that only fit a real machine. Each must be there. */
export function replaced(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`the configuration has no "${from}"`);
    return result.replaceAll(from, to);
  }, text);
}

export type Upstream = {
  /** Where Pokewire listens. */
  readonly url: string;
  /** After so much silence the proxy cuts a stream; absent: as documented. */
  readonly idleTimeout?: string;
  /** Directives added to those that are documented: of nginx's `http`. */
  readonly more?: string;
};

const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `${name}_temp_path ${name};`)
  .join(' ');

/** What `nginx.conf` has around the files of `conf.d`, all paths in the proxy's own folder. */
function nginx(main: string, http: string): string {
  return `daemon off;\npid nginx.pid;\nerror_log stderr notice;\n${main}\nhttp {\n  ${temporary}\n${http}\n}\n`;
}

/** nginx as it is without any thought of event streams. */
export function nginxDefault({ url, idleTimeout, more = '' }: Upstream): ProxyFiles {
  const server = replaced(documented('nginx-default'), { '127.0.0.1:8080': new URL(url).host });
  const timeout = idleTimeout === undefined ? '' : `proxy_read_timeout ${idleTimeout};`;
  return {
    config: (port) =>
      nginx(
        'events {}',
        `access_log off; ${timeout} ${more}\n${replaced(server, { 'listen 80': `listen 127.0.0.1:${port}` })}`,
      ),
  };
}

/** nginx as docs/deploying.md has it. */
export function nginxTuned({ url, idleTimeout = '75s', more = '' }: Upstream, { cert, key }: Certificate): ProxyFiles {
  const server = replaced(documented('nginx'), {
    '127.0.0.1:8080': new URL(url).host,
    '/etc/ssl/pokes.example.com.pem': 'cert.pem',
    '/etc/ssl/pokes.example.com.key': 'key.pem',
    '/var/log/nginx/pokewire.log': 'access.log',
    'proxy_read_timeout 75s': `proxy_read_timeout ${idleTimeout}`,
    'retry: 2000': 'retry: 100',
  });
  return {
    files: { 'cert.pem': cert, 'key.pem': key },
    config: (port) =>
      nginx(documented('nginx-main'), `${more}\n${replaced(server, { 'listen 443': `listen 127.0.0.1:${port}` })}`),
  };
}

/** HAProxy as Debian's own file has it. */
export function haproxyDefault({ url, idleTimeout = '50000', more = '' }: Upstream): ProxyFiles {
  const text = replaced(documented('haproxy-default'), { '127.0.0.1:8080': new URL(url).host, '50000': idleTimeout });
  return { config: (port) => replaced(text, { 'bind :80': `bind 127.0.0.1:${port}`, frontend: `${more}\nfrontend` }) };
}

/** HAProxy as docs/deploying.md has it. */
export function haproxyTuned(
  { url, idleTimeout = '75s', more = '' }: Upstream,
  { cert, key }: Certificate,
): ProxyFiles {
  const text = replaced(documented('haproxy'), {
    '127.0.0.1:8080': new URL(url).host,
    '/etc/haproxy/pokes.example.com.pem': 'both.pem',
    '/etc/haproxy/away.http': 'away.http',
    '75s': idleTimeout,
    // A machine on which only tests run need not allow so many files.
    'maxconn 20000': 'maxconn 200',
  });
  return {
    files: {
      'both.pem': cert + key,
      'away.http': replaced(documented('haproxy-away'), { 'retry: 2000': 'retry: 100' }),
    },
    config: (port) => replaced(text, { 'bind :443': `bind 127.0.0.1:${port}`, frontend: `${more}\nfrontend` }),
  };
}

const caddySite = 'pokes.example.com {';

/** Puts a site on this port of 127.0.0.1, with a certificate in place of one that Caddy would ask for, and nothing beside it. */
function caddy(text: string, port: number): string {
  const site = `https://localhost:${port}, https://127.0.0.1:${port} {\n\ttls cert.pem key.pem`;
  const globals = '{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\tauto_https disable_redirects\n\tgrace_period 100ms\n}\n';
  return globals + replaced(text, { [caddySite]: site });
}

/** Caddy with the least of configuration. */
export function caddyDefault({ url }: Upstream, { cert, key }: Certificate): ProxyFiles {
  const text = replaced(documented('caddy-default'), { '127.0.0.1:8080': new URL(url).host });
  return { files: { 'cert.pem': cert, 'key.pem': key }, config: (port) => caddy(text, port) };
}

/** Caddy as docs/deploying.md has it. */
export function caddyTuned({ url, idleTimeout = '75s' }: Upstream, { cert, key }: Certificate): ProxyFiles {
  const text = replaced(documented('caddy'), {
    '127.0.0.1:8080': new URL(url).host,
    '/var/log/caddy/pokewire.log': 'access.log',
    'read_timeout 75s': `read_timeout ${idleTimeout}`,
    'retry: 2000': 'retry: 100',
    // There may be one block of global options only.
    '{\n\tgrace_period 5s\n}\n': '',
  });
  return { files: { 'cert.pem': cert, 'key.pem': key }, config: (port) => caddy(text, port) };
}

/** HAProxy as docs/deploying.md has it for three servers, without TLS and with a proxy that notices sooner. */
export function haproxyNodes(urls: readonly [string, string, string]): ProxyFiles {
  const tuned = documented('haproxy');
  const frontend = replaced(tuned.slice(0, tuned.indexOf('\nbackend pokewire\n')), { 'maxconn 20000': 'maxconn 2500' });
  const backends = replaced(documented('haproxy-nodes'), {
    ...Object.fromEntries(urls.map((url, at) => [`10.0.0.${at + 1}:8080`, new URL(url).host])),
    '/etc/haproxy/away.http': 'away.http',
    'inter 1s': 'inter 300ms',
  });
  const bind = 'bind :443 ssl crt /etc/haproxy/pokes.example.com.pem alpn h2,http/1.1';
  return {
    files: { 'away.http': replaced(documented('haproxy-away'), { 'retry: 2000': 'retry: 100' }) },
    config: (port) => `${replaced(frontend, { [bind]: `bind 127.0.0.1:${port}` })}\n${backends}`,
  };
}

/** nginx as docs/deploying.md has it for three servers, without TLS and with a shorter silence until streams are cut. */
export function nginxNodes(urls: readonly [string, string, string]): ProxyFiles {
  const upstream = replaced(
    documented('nginx-nodes'),
    Object.fromEntries(urls.map((url, at) => [`10.0.0.${at + 1}:8080`, new URL(url).host])),
  );
  const location = replaced(documented('nginx-nodes-location'), { 'proxy_read_timeout 15s': 'proxy_read_timeout 3s' });
  const server = replaced(documented('nginx'), {
    'upstream pokewire {\n  server 127.0.0.1:8080;\n  keepalive 32;\n}\n': upstream,
    '    proxy_read_timeout 75s;\n': location,
    '  ssl_certificate /etc/ssl/pokes.example.com.pem;\n  ssl_certificate_key /etc/ssl/pokes.example.com.key;\n': '',
    '/var/log/nginx/pokewire.log': 'access.log',
    'retry: 2000': 'retry: 100',
  });
  return {
    config: (port) =>
      nginx(documented('nginx-main'), replaced(server, { 'listen 443 ssl http2': `listen 127.0.0.1:${port}` })),
  };
}

/** A certificate and its key, as PEM. */
export type Certificate = { readonly cert: string; readonly key: string };

/** A certificate that vouches for itself, for `localhost` and 127.0.0.1. */
export function selfSigned(): Certificate {
  const folder = mkdtempSync(join(tmpdir(), 'pokewire-certificate-'));
  const [cert, key] = ['cert.pem', 'key.pem'].map((name) => join(folder, name)) as [string, string];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const kind = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', [...kind, ...names, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const made = { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  rmSync(folder, { recursive: true });
  return made;
}
