/** What to change, by proxy. `untested`: from its documentation, but not run in our tests; docs/deploying.md has tested configurations. */
export const advice = {
  buffering: [
    {
      who: 'nginx',
      setting: 'proxy_buffering off;',
      why: 'Pokewire asks for it with X-Accel-Buffering: no, which nginx obeys unless proxy_ignore_headers names that header.',
    },
    {
      who: 'Apache httpd',
      setting: 'ProxyPass … flushpackets=on',
      why: 'Passes on what has arrived instead of waiting for more.',
      untested: true,
    },
    {
      who: 'Virus scanner or company proxy',
      setting: 'https',
      why: 'They hold plain http back to inspect it. Serve the page and the stream over https.',
      untested: true,
      onlyByHttp: true,
    },
  ],
  compression: [
    {
      who: 'nginx',
      setting: 'gzip_types',
      why: 'Leave text/event-stream out of the list, so that no event waits to be compressed.',
    },
    { who: 'HAProxy', setting: 'compression type', why: 'Leave text/event-stream out of the list.' },
    {
      who: 'Apache httpd',
      setting: 'SetEnv no-gzip 1',
      why: 'In the location that leads to Pokewire.',
      untested: true,
    },
  ],
  idle: [
    {
      who: 'nginx',
      setting: 'proxy_read_timeout 75s;',
      why: 'Longer than the pause between heartbeats. Default: 60s.',
    },
    {
      who: 'HAProxy',
      setting: 'timeout server 75s, timeout client 75s',
      why: 'Where timeout tunnel is set, that one counts.',
    },
    { who: 'Apache httpd', setting: 'ProxyTimeout 75', why: 'Or timeout=75 of ProxyPass.', untested: true },
    {
      who: 'Cloud load balancer',
      setting: 'idle timeout',
      why: 'AWS ALB: 60 seconds by default. Others have the same under other names.',
      untested: true,
    },
  ],
  duration: [
    {
      who: 'Cloud load balancer or platform',
      setting: 'request or backend timeout',
      why: 'It limits the whole response, silent or not. An EventSource reconnects by itself and misses nothing, but each time costs a request.',
      untested: true,
    },
  ],
  http2: [
    { who: 'nginx', setting: 'listen 443 ssl http2;', why: 'Since 1.25.1: http2 on; in the server block.' },
    { who: 'HAProxy', setting: 'bind :443 ssl crt … alpn h2,http/1.1', why: 'Browsers speak HTTP/2 only over TLS.' },
  ],
  keepAlive: [
    {
      who: 'nginx',
      setting: 'proxy_http_version 1.1; proxy_set_header Connection "";',
      why: 'Keeps connections to Pokewire open.',
    },
  ],
  host: [
    {
      who: 'nginx',
      setting: 'proxy_set_header Host $http_host;',
      why: 'Pokewire tells its own pages from those of other sites by the host; others may not append.',
    },
  ],
  forwardedFor: [
    {
      who: 'nginx',
      setting: 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;',
      why: 'Otherwise every visitor has the address of the proxy, and limits per address count them as one.',
    },
    { who: 'HAProxy', setting: 'option forwardfor', why: 'Does the same.' },
  ],
  forwardedProto: [
    {
      who: 'nginx',
      setting: 'proxy_set_header X-Forwarded-Proto $scheme;',
      why: 'Makes session cookies https-only.',
    },
    { who: 'HAProxy', setting: 'http-request set-header X-Forwarded-Proto https', why: 'Does the same.' },
  ],
};

/** A setting of Pokewire itself. */
export function ofPokewire(setting, why) {
  return { who: 'Pokewire', setting, why };
}
