import { describe, expect, test } from 'vitest';
import { isInstalled, RealProxy } from '../support/real-proxy.ts';
import { ServerProcess } from '../support/server-process.ts';
import { knowsAddresses } from './addresses.ts';
import { delivers, idleTimeoutMs } from './delivery.ts';
import { haproxyDefault, haproxyTuned, selfSigned } from './documented.ts';
import { ProxiedClient } from './proxied-client.ts';

const hasHaproxy = isInstalled('haproxy');
const hasTls = hasHaproxy && isInstalled('openssl');
const certificate = hasTls ? selfSigned() : { cert: '', key: '' };

describe.skipIf(!hasHaproxy)('Through HAProxy with its default configuration (needs haproxy on PATH)', () => {
  delivers({ kind: 'haproxy', files: haproxyDefault, noticesByHeartbeats: true });
});

describe.skipIf(!hasTls)('Through HAProxy as documented, HTTP/1.1 and TLS (needs haproxy and openssl on PATH)', () => {
  delivers({
    kind: 'haproxy',
    files: (upstream) => haproxyTuned(upstream, certificate),
    client: { ca: certificate.cert },
  });
});

describe.skipIf(!hasTls)('Through HAProxy as documented, HTTP/2 and TLS (needs haproxy and openssl on PATH)', () => {
  delivers({
    kind: 'haproxy',
    files: (upstream) => haproxyTuned(upstream, certificate),
    client: { ca: certificate.cert, http2: true },
  });
});

describe.skipIf(!hasTls)('HAProxy (needs haproxy and openssl on PATH)', () => {
  test('compresses an event stream only if Pokewire does not forbid it, which Pokewire does', async () => {
    await using server = await ServerProcess.start(['--heartbeat-ms', '0']);
    const more = '  compression algo gzip\n  compression type text/event-stream application/json';
    await using proxy = await RealProxy.start('haproxy', haproxyTuned({ url: server.url, more }, certificate));
    const url = `https://127.0.0.1:${proxy.port}`;
    const options = { ca: certificate.cert, headers: { 'accept-encoding': 'gzip' } };
    await using health = await ProxiedClient.connect(`${url}/openapi.json`, options);
    await using subscriber = await ProxiedClient.connect(`${url}/subscribe?all=true`, options);
    await subscriber.untilReady();
    expect([health.headers['content-encoding'], subscriber.headers['content-encoding']]).toEqual(['gzip', undefined]);
  });

  test('cuts a silent stream after timeout server, whatever timeout tunnel is, because the stream is chunked', async () => {
    await using server = await ServerProcess.start(['--heartbeat-ms', '0']);
    const upstream = { url: server.url, idleTimeout: `${idleTimeoutMs}ms`, more: '  timeout tunnel 1h' };
    await using proxy = await RealProxy.start('haproxy', haproxyTuned(upstream, certificate));
    const url = `https://127.0.0.1:${proxy.port}/subscribe?all=true`;
    await using subscriber = await ProxiedClient.connect(url, { ca: certificate.cert });
    await subscriber.untilReady();
    const isOpen = !subscriber.isEnded;
    await subscriber.ended;
    expect([isOpen, subscriber.isEnded]).toEqual([true, true]);
    await server.untilSubscriptions(0);
  });

  knowsAddresses({ kind: 'haproxy', files: (upstream) => haproxyTuned(upstream, certificate), ca: certificate.cert });
});
