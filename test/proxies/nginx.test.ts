import { describe, expect, test } from 'vitest';
import { connect } from '../../src/client/client.ts';
import { isInstalled, RealProxy } from '../support/real-proxy.ts';
import { ServerProcess } from '../support/server-process.ts';
import { knowsAddresses } from './addresses.ts';
import { delivers } from './delivery.ts';
import { nginxDefault, nginxPath, nginxTuned, selfSigned } from './documented.ts';
import { ProxiedClient, postOverTls } from './proxied-client.ts';

const hasNginx = isInstalled('nginx');
const hasTls = hasNginx && isInstalled('openssl');
const certificate = hasTls ? selfSigned() : { cert: '', key: '' };

describe.skipIf(!hasNginx)('Through nginx with its default configuration (needs nginx on PATH)', () => {
  delivers({ kind: 'nginx', files: nginxDefault });
});

describe.skipIf(!hasTls)('Through nginx as documented, HTTP/1.1 and TLS (needs nginx and openssl on PATH)', () => {
  delivers({
    kind: 'nginx',
    files: (upstream) => nginxTuned(upstream, certificate),
    client: { ca: certificate.cert },
  });
});

describe.skipIf(!hasTls)('Through nginx as documented, HTTP/2 and TLS (needs nginx and openssl on PATH)', () => {
  delivers({
    kind: 'nginx',
    files: (upstream) => nginxTuned(upstream, certificate),
    client: { ca: certificate.cert, http2: true },
  });
});

describe.skipIf(!hasTls)('nginx (needs nginx and openssl on PATH)', () => {
  test('buffers pokes if it is configured to ignore Pokewire’s header about buffering', async () => {
    await using server = await ServerProcess.start(['--heartbeat-ms', '0']);
    const more = 'proxy_ignore_headers X-Accel-Buffering;';
    await using proxy = await RealProxy.start('nginx', nginxDefault({ url: server.url, more }));
    await using direct = await ProxiedClient.connect(`${server.url}/subscribe?all=true`);
    await direct.untilReady();
    let answered = false;
    const answer = ProxiedClient.connect(`http://127.0.0.1:${proxy.port}/subscribe?all=true`).finally(() => {
      answered = true;
    });
    await server.untilSubscriptions(2);
    // A subscriber without buffering receives each message before the next one is appended.
    let told = 0;
    for (; !answered; told++) {
      await server.append('held-1');
      await direct.until(({ events }) => events.length > told);
    }
    await using proxied = await answer;
    await proxied.until(({ events }) => events.length > 20);
    expect(told).toBeGreaterThan(20);
  });

  test('forwards each poke at once even when it compresses event streams', async () => {
    await using server = await ServerProcess.start(['--heartbeat-ms', '0']);
    const more = 'gzip on; gzip_proxied any; gzip_types text/event-stream;';
    const options = { ca: certificate.cert, headers: { 'accept-encoding': 'gzip' } };
    for (const http2 of [false, true]) {
      await using proxy = await RealProxy.start('nginx', nginxTuned({ url: server.url, more }, certificate));
      const subscribe = `https://127.0.0.1:${proxy.port}/subscribe?category=zipped`;
      await using subscriber = await ProxiedClient.connect(subscribe, { ...options, http2 });
      await subscriber.untilReady();
      expect(subscriber.headers['content-encoding']).toBe('gzip');
      const before = subscriber.parser.events.length;
      for (let sent = 1; sent <= 5; sent++) {
        await server.append('zipped-1');
        await subscriber.until(({ events }) => events.length >= before + sent);
      }
    }
  });

  test('as documented forwards large imports, which it refuses by default, and logs no token', async () => {
    await using server = await ServerProcess.start();
    const line = `{"id":"%","stream":"big-1","type":"T","pos":%,"gpos":%,"time":"2026-01-01T00:00:00Z","data":{"text":"${'x'.repeat(1000)}"}}\n`;
    const body = Array.from({ length: 1_500 }, (_, n) => line.replaceAll('%', String(n + 1))).join('');
    await using plain = await RealProxy.start('nginx', nginxDefault({ url: server.url }));
    const refused = await fetch(`http://127.0.0.1:${plain.port}/import`, { method: 'POST', body });
    expect([refused.status, refused.headers.get('server')]).toEqual([413, expect.stringContaining('nginx')]);
    await using tuned = await RealProxy.start('nginx', nginxTuned({ url: server.url }, certificate));
    const url = `https://127.0.0.1:${tuned.port}/import?token=secret`;
    const { status, text } = await postOverTls(url, body, certificate.cert);
    expect([status, text]).toEqual([200, expect.stringContaining('"done":true,"imported":1500')]);
    await expect.poll(() => tuned.read('access.log')).toContain('POST /import');
    expect(tuned.read('access.log')).not.toContain('secret');
  });

  test('puts the server below a path: redirects stay below it, the description names it, and a client is poked.', async () => {
    await using server = await ServerProcess.start();
    await using proxy = await RealProxy.start('nginx', nginxPath({ url: server.url }));
    const root = `http://127.0.0.1:${proxy.port}/pokewire/`;
    expect((await fetch(root)).url).toBe(`${root}docs`);

    const { servers } = (await (await fetch(`${root}openapi.json`)).json()) as { servers: [{ url: string }] };
    expect(new URL(servers[0].url, `${root}openapi.json`).href).toBe(root);

    const poked = Promise.withResolvers<unknown>();
    const pokewire = connect(root);
    using _subscription = pokewire.subscribe({ category: 'below' }, { onPoke: poked.resolve });
    await pokewire.append('below-1', { type: 'Made', data: {} });
    expect(await poked.promise).toMatchObject({ stream: 'below-1', position: 0 });
  });

  knowsAddresses({ kind: 'nginx', files: (upstream) => nginxTuned(upstream, certificate), ca: certificate.cert });
});
