import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { NatsStore } from '../../src/store/nats/nats-store.ts';
import { noLimits } from '../contract/suite.ts';
import { pokePool } from '../support/fake-messages.ts';
import { freePort } from '../support/free-port.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsCluster } from './nats-cluster.ts';
import { NatsServer } from './nats-server.ts';

const open = (url: string) => NatsStore.open(url, { pokes: pokePool(), ...noLimits });

/** Pretends to be a server of this version, and does nothing else. */
async function startFakeServer(version: string) {
  const info = { server_id: 'old', version, proto: 1, max_payload: 1_048_576, headers: true, jetstream: true };
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    socket.on('data', (bytes) => {
      if (bytes.includes('PING')) socket.write('PONG\r\n');
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => void server.close();
  return { port: (server.address() as AddressInfo).port, [Symbol.asyncDispose]: close };
}

describe('A start with NATS', () => {
  test('is refused with a message if no server answers.', async () => {
    const port = await freePort();
    await expect(open(`nats://127.0.0.1:${port}`)).rejects.toThrow(
      new RegExp(`^--store: no connection to NATS at 127\\.0\\.0\\.1:${port}: connection refused$`),
    );
  });

  test('is refused with a message if the server is too old.', async () => {
    await using server = await startFakeServer('2.9.10');
    await expect(open(`nats://127.0.0.1:${server.port}`)).rejects.toThrow(
      `--store: NATS at 127.0.0.1:${server.port} is version 2.9.10: Pokewire needs 2.12 or newer.`,
    );
  });

  test('is refused with a message if the server does not offer the TLS that the URL requires.', async () => {
    await using server = await startFakeServer('2.12.0');
    await expect(open(`nats://127.0.0.1:${server.port}?tls=require`)).rejects.toThrow(
      `--store: no connection to NATS at 127.0.0.1:${server.port}: server does not support 'tls'`,
    );
  });

  test('is refused with a message if the credentials file cannot be read.', async () => {
    await expect(open('nats://127.0.0.1?creds=/no/such/file')).rejects.toThrow(
      /^--store: the file of \?creds= cannot be read: ENOENT/,
    );
  });
});

describeWithNats('A start with a real nats-server', () => {
  test('is refused with a message if the server has no JetStream.', async () => {
    using folder = TemporaryFolder.inMemory();
    await using server = await NatsServer.prepare({ folder, name: 'plain', hasJetStream: false });
    await server.spawn();
    await expect(open(`nats://${server.host}`)).rejects.toThrow(
      `--store: NATS at ${server.host} has no JetStream: start its servers with \`-js\`.`,
    );
  });

  test('is refused with a message if there are fewer servers than copies.', async () => {
    await using cluster = await NatsCluster.start();
    await expect(open(cluster.url('a', '?replicas=3'))).rejects.toThrow(/cannot keep 3 copies: .*\?replicas=1\.$/);
  });

  test('needs the user and the password, which no log line contains.', async () => {
    const settings = ['authorization { user: "me", password: "s3cret" }'];
    await using cluster = await NatsCluster.start({ settings });
    const [server] = cluster.servers;
    await expect(open(`nats://me:wr0ng@${server!.host}`)).rejects.toThrow(
      /^(?!.*wr0ng)--store: NATS at .* rejects the/,
    );
    await using process = new SpokenProcess([
      '--port=0',
      '--log-level=trace',
      `--store=nats://me:s3cret@${server!.host}`,
    ]);
    await process.listening();
    expect(process.said).not.toContain('s3cret');
  });

  test('needs the token, which no refusal contains.', async () => {
    await using cluster = await NatsCluster.start({ settings: ['authorization { token: "t0ken" }'] });
    const [server] = cluster.servers;
    await expect(open(`nats://wr0ng@${server!.host}`)).rejects.toThrow(/^(?!.*wr0ng)--store: NATS at .* rejects the/);
    await (await open(`nats://t0ken@${server!.host}`)).close();
  });
});
