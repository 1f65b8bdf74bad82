import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProxyFiles } from '../support/real-proxy.ts';

const guide = readFileSync(new URL('../../docs/deploying.md', import.meta.url), 'utf8');

/** The configuration with this name in docs/deploying.md, so that the tests run what readers copy. */
export function documented(name: string): string {
  const [, text] = new RegExp(`<!-- tested: ${name} -->\\n\`\`\`\\w+\\n([^]*?)\`\`\`\\n`).exec(guide) ?? [];
  if (text === undefined) throw new Error(`docs/deploying.md has no configuration ${name}`);
  return text;
}

/** Replaces values that suit only a real machine. Each must be present. */
export function replaced(text: string, replacements: Readonly<Record<string, string>>): string {
  return Object.entries(replacements).reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`the configuration has no "${from}"`);
    return result.replaceAll(from, to);
  }, text);
}

export type Upstream = {
  /** Address of Pokewire. */
  readonly url: string;
  /** The proxy cuts a stream after this much silence; absent: as documented. */
  readonly idleTimeout?: string;
  /** Additional directives, for nginx in `http`. */
  readonly more?: string;
};

const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((name) => `${name}_temp_path ${name};`)
  .join(' ');

/** The parts of `nginx.conf` around the files of `conf.d`, with all paths in the proxy's own folder. */
function nginx(main: string, http: string): string {
  return `daemon off;\npid nginx.pid;\nerror_log stderr notice;\n${main}\nhttp {\n  ${temporary}\n${http}\n}\n`;
}

/** nginx without any configuration for event streams. */
export function nginxDefault(upstream: Upstream): ProxyFiles {
  return nginxPlain('nginx-default', upstream);
}

/** The same, with Pokewire below `/pokewire/`. */
export function nginxPath(upstream: Upstream): ProxyFiles {
  return nginxPlain('nginx-path', upstream);
}

function nginxPlain(name: string, { url, idleTimeout, more = '' }: Upstream): ProxyFiles {
  const server = replaced(documented(name), { '127.0.0.1:8080': new URL(url).host });
  const timeout = idleTimeout === undefined ? '' : `proxy_read_timeout ${idleTimeout};`;
  return {
    config: (port) =>
      nginx(
        'events {}',
        `access_log off; ${timeout} ${more}\n${replaced(server, { 'listen 80': `listen 127.0.0.1:${port}` })}`,
      ),
  };
}

/** nginx as in docs/deploying.md. */
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

/** HAProxy with Debian's own configuration. */
export function haproxyDefault({ url, idleTimeout = '50000', more = '' }: Upstream): ProxyFiles {
  const text = replaced(documented('haproxy-default'), { '127.0.0.1:8080': new URL(url).host, '50000': idleTimeout });
  return { config: (port) => replaced(text, { 'bind :80': `bind 127.0.0.1:${port}`, frontend: `${more}\nfrontend` }) };
}

/** HAProxy as in docs/deploying.md. */
export function haproxyTuned(
  { url, idleTimeout = '75s', more = '' }: Upstream,
  { cert, key }: Certificate,
): ProxyFiles {
  const text = replaced(documented('haproxy'), {
    '127.0.0.1:8080': new URL(url).host,
    '/etc/haproxy/pokes.example.com.pem': 'both.pem',
    '/etc/haproxy/away.http': 'away.http',
    '75s': idleTimeout,
    // A machine for tests may not permit that many files.
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

/** Puts a site on this port of 127.0.0.1, with its own certificate, and no other site. */
function caddy(text: string, port: number): string {
  const site = `https://localhost:${port}, https://127.0.0.1:${port} {\n\ttls cert.pem key.pem`;
  const globals = '{\n\tadmin off\n\tdefault_bind 127.0.0.1\n\tauto_https disable_redirects\n\tgrace_period 100ms\n}\n';
  return globals + replaced(text, { [caddySite]: site });
}

/** Caddy with minimal configuration. */
export function caddyDefault({ url }: Upstream, { cert, key }: Certificate): ProxyFiles {
  const text = replaced(documented('caddy-default'), { '127.0.0.1:8080': new URL(url).host });
  return { files: { 'cert.pem': cert, 'key.pem': key }, config: (port) => caddy(text, port) };
}

/** Caddy as in docs/deploying.md. */
export function caddyTuned({ url, idleTimeout = '75s' }: Upstream, { cert, key }: Certificate): ProxyFiles {
  const text = replaced(documented('caddy'), {
    '127.0.0.1:8080': new URL(url).host,
    '/var/log/caddy/pokewire.log': 'access.log',
    'read_timeout 75s': `read_timeout ${idleTimeout}`,
    'retry: 2000': 'retry: 100',
    // Only one block of global options is permitted.
    '{\n\tgrace_period 5s\n}\n': '',
  });
  return { files: { 'cert.pem': cert, 'key.pem': key }, config: (port) => caddy(text, port) };
}

/** HAProxy for three servers as in docs/deploying.md, without TLS and with faster checks. */
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

/** nginx for three servers as in docs/deploying.md, without TLS and with a shorter idle time-out. */
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

/** A self-signed certificate for `localhost` and 127.0.0.1. */
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
