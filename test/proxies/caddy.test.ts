import { describe, expect, test } from 'vitest';
import { isInstalled, RealProxy } from '../support/real-proxy.ts';
import { ServerProcess } from '../support/server-process.ts';
import { knowsAddresses } from './addresses.ts';
import { delivers } from './delivery.ts';
import { caddyDefault, caddyTuned, selfSigned } from './documented.ts';
import { postOverTls } from './proxied-client.ts';

const hasCaddy = isInstalled('caddy') && isInstalled('openssl');
const certificate = hasCaddy ? selfSigned() : { cert: '', key: '' };
const tls = { ca: certificate.cert };

describe.skipIf(!hasCaddy)(
  'Through Caddy with its default configuration, HTTP/1.1 and TLS (needs caddy and openssl on PATH)',
  () => {
    delivers({ kind: 'caddy', files: (upstream) => caddyDefault(upstream, certificate), client: tls });
  },
);

describe.skipIf(!hasCaddy)('Through Caddy as documented, HTTP/2 and TLS (needs caddy and openssl on PATH)', () => {
  delivers({
    kind: 'caddy',
    files: (upstream) => caddyTuned(upstream, certificate),
    client: { ...tls, http2: true },
  });
});

describe.skipIf(!hasCaddy)('Caddy as documented (needs caddy and openssl on PATH)', () => {
  test('logs requests without their tokens.', async () => {
    await using server = await ServerProcess.start();
    await using proxy = await RealProxy.start('caddy', caddyTuned({ url: server.url }, certificate));
    const url = `https://127.0.0.1:${proxy.port}/streams/a-1/messages?token=secret&ticket=secret`;
    await postOverTls(url, '{"type":"T","data":{}}', certificate.cert);
    await expect.poll(() => proxy.read('access.log')).toContain('"uri":"/streams/a-1/messages"');
    expect(proxy.read('access.log')).not.toContain('secret');
  });

  knowsAddresses({ kind: 'caddy', files: (upstream) => caddyTuned(upstream, certificate), ca: certificate.cert });
});
