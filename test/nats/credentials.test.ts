import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configText } from '../../src/cli/print-config.ts';
import { parseCommand } from '../../src/read-config.ts';
import { NatsStore } from '../../src/store/nats/nats-store.ts';
import { noLimits } from '../contract/suite.ts';
import { selfSigned } from '../proxies/documented.ts';
import { pokePool } from '../support/fake-messages.ts';
import { NatsOperator, strangeUser } from '../support/nats-operator.ts';
import { isInstalled } from '../support/real-proxy.ts';
import { SpokenProcess } from '../support/spoken-process.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { describeWithNats } from './describe-with-nats.ts';
import { NatsCluster } from './nats-cluster.ts';

describe.skipIf(!isInstalled('openssl'))('With certificates of openssl', () => {
  describeWithNats('a server that asks for the certificate and the JWT of its clients', () => {
    const operator = new NatsOperator();
    const creds = operator.user();
    const stranger = strangeUser();
    let folder: TemporaryFolder;
    let cluster: NatsCluster;

    beforeAll(async () => {
      folder = new TemporaryFolder();
      const [own, other] = [selfSigned(), selfSigned()];
      const files = {
        'own.pem': own.cert,
        'own.key': own.key,
        'other.pem': other.cert,
        'other.key': other.key,
        'me.creds': creds.file,
        'stranger.creds': stranger.file,
        'bare.creds': operator.userWithoutJetStream().file,
        'broken.creds': creds.file.slice(0, 300),
      };
      for (const [name, text] of Object.entries(files)) writeFileSync(folder.file(name), text);
      const [cert, key] = [folder.file('own.pem'), folder.file('own.key')];
      const tls = `tls { cert_file: "${cert}", key_file: "${key}", ca_file: "${cert}", verify: true, timeout: 60 }`;
      cluster = await NatsCluster.start({ settings: [...operator.settings, tls] });
    });
    afterAll(async () => {
      await cluster?.[Symbol.asyncDispose]();
      folder?.[Symbol.dispose]();
    });

    /** The URL with these files; files that are not named are the correct ones. */
    function urlWith(files: Readonly<Record<string, string | undefined>> = {}): string {
      const given = { ca: 'own.pem', cert: 'own.pem', key: 'own.key', creds: 'me.creds', ...files };
      const parameters = Object.entries(given).filter(([, name]) => name !== undefined);
      return cluster.url('shop', `?${parameters.map(([name, file]) => `${name}=${folder.file(file!)}`).join('&')}`);
    }

    const secrets = [creds, stranger].flatMap(({ jwt, seed }) => [jwt.slice(40, 80), jwt.slice(-40), seed]);

    test('accepts a node whose output and answers contain no part of the credentials.', async () => {
      const flags = ['--port=0', '--log-level=trace', `--store=${urlWith()}`];
      await using node = new SpokenProcess(flags);
      const { href } = await node.listening();
      const ask = async (path: string, body?: object) => {
        const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
        return (await fetch(new URL(path, href), body && init)).text();
      };
      expect(await ask('streams/a-1/messages', { type: 'T', data: {} })).toContain('"position":0');
      const command = parseCommand(flags, {});
      if (command.run !== 'serve') throw new TypeError('it is to be served');
      const said = [
        await ask('metrics'),
        await ask('ready'),
        await ask('rpc', ['sys.health']),
        configText(command.config, command.origins),
        node.said,
      ].join();
      expect(said).toContain('me.creds');
      for (const secret of secrets) expect(said).not.toContain(secret);
    });

    test.each([
      ['the JWT of a stranger', { creds: 'stranger.creds' }, /rejects the credentials of the URL: /],
      ['no JWT', { creds: undefined }, /rejects the credentials of the URL: /],
      ['half a credentials file', { creds: 'broken.creds' }, /the file of \?creds= is not a credentials file/],
      ['a JWT of an account without JetStream', { creds: 'bare.creds' }, /the account at NATS .* has no JetStream/],
      ['another CA', { ca: 'other.pem' }, /^--store: no connection to NATS at .*; name its CA with \?ca=FILE$/],
      ['a CA file that does not exist', { ca: 'nowhere.pem' }, /the file of \?ca= cannot be read: ENOENT/],
      // The client does not learn why the server disconnects.
      ['no certificate', { cert: undefined, key: undefined }, /^--store: no connection to NATS at .*: timeout$/],
      ['a certificate of another CA', { cert: 'other.pem', key: 'other.key' }, /no connection to NATS at .*: timeout$/],
      [
        'a key of another certificate',
        { key: 'other.key' },
        /^--store: no connection to NATS at .*key values mismatch/,
      ],
    ])('is not used by a node with %s, which says so.', async (_what, files, sentence) => {
      const opening = NatsStore.open(urlWith(files), { pokes: pokePool(), ...noLimits });
      const { message } = await opening.then(
        () => new Error('it opened'),
        (error: Error) => error,
      );
      expect(message).toMatch(sentence);
      expect(message).not.toContain('\n');
      for (const secret of secrets) expect(message).not.toContain(secret);
    });

    test('makes a node that it rejects exit with one line and the exit code of a wrong setting.', async () => {
      await using node = new SpokenProcess([`--store=${urlWith({ creds: 'stranger.creds' })}`]);
      expect(await node.exit).toBe(2);
      expect(node.said).toMatch(/^pokewire: --store: NATS at .* rejects the credentials of the URL: .*\n$/);
    });
  });
});
