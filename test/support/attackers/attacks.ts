import { setTimeout as sleep } from 'node:timers/promises';
import { slowRequests } from '../../fuzz/slow-requests.ts';
import { wildBytes } from '../../fuzz/wild.ts';
import type { Attack, Scene } from './attack.ts';

const allBig = 'GET /categories/big/messages?batchSize=-1';
const pageOfBig = 'GET /streams/big-1/messages?batchSize=1000';

/** Longest time-out of the server in these attacks, including a second after an error and a busy machine. */
const longestMs = 20_000;

/** A body in chunks of one byte each. */
function inBytes(body: string): Buffer {
  return Buffer.from(`${[...body].map((character) => `1\r\n${character}\r\n`).join('')}0\r\n\r\n`, 'latin1');
}

const long = 'x'.repeat(500_000);
const byBytes = {
  'POST /rpc': inBytes(`["ns.categories"${' '.repeat(500_000)}]`),
  'POST /import': inBytes(`{"id":"x","stream":"x-1","type":"T","data":{"a":"${long}"}}\n`),
  'POST /streams/chunks-1/messages': inBytes(`{"type":"T","data":{"a":"${long}"}}`),
  'POST /streams/chunks-2/messages': inBytes(`[${' '.repeat(500_000)}`),
};

/** Requests that stop in the middle. */
const halves = (scene: Scene): string[] => [
  'GET / HTTP/1.1\r\nHo',
  'GET',
  scene.head('GET /subscribe?all=true').slice(0, -2),
  scene.head('POST /streams/half-1/messages', undefined, 'Content-Length: 1000000\r\n') + long,
  `${scene.head('POST /rpc', undefined, 'Transfer-Encoding: chunked\r\n')}7a120\r\n${long.slice(0, 400_000)}`,
  scene.head('POST /subscribe/ticket', undefined, 'Content-Length: 100\r\n'),
  `${scene.head('POST /streams/half-1/messages', scene.tenant.readToken, 'Content-Length: 1000000\r\n')}{`,
];

const corpus = slowRequests.filter(({ store, title }) => store === undefined && !title.startsWith('subscribe'));

/** All attacks on the server, including those found by the search for further ones. */
export const attacks: readonly Attack[] = [
  {
    title: 'half requests',
    lanes: 80,
    async round(scene) {
      const peer = await scene.open(scene.random.pick(halves(scene)));
      await peer.outlasts(longestMs);
      // Answered, but still connected.
      await sleep(scene.random.int(0, 3_000));
    },
  },
  {
    title: 'a byte now and then',
    lanes: 20,
    async round(scene) {
      const peer = await scene.open('');
      const bytes = scene.head('GET /streams') + 'x'.repeat(300);
      for (let at = 0; at < bytes.length && !peer.isGone; at++) {
        await peer.send(bytes[at]!);
        await peer.outlasts(100);
      }
    },
  },
  {
    title: 'hundreds of reads in one connection, unread',
    lanes: 6,
    async round(scene) {
      await scene.open(scene.head(pageOfBig, scene.tenant.readToken).repeat(600), { reads: false });
      await sleep(scene.random.int(2_000, 6_000));
    },
  },
  {
    title: 'reads of everything, unread',
    lanes: 300,
    async round(scene) {
      await scene.open(scene.head(allBig, scene.tenant.readToken), { reads: false });
      await sleep(scene.random.int(3_000, 8_000));
    },
  },
  {
    title: 'bodies in one-byte chunks',
    lanes: 6,
    async round(scene) {
      const line = scene.random.pick(Object.keys(byBytes) as (keyof typeof byBytes)[]);
      const peer = await scene.open(scene.head(line, undefined, 'Transfer-Encoding: chunked\r\nConnection: close\r\n'));
      await peer.send(byBytes[line]);
      await peer.outlasts(longestMs);
    },
  },
  {
    title: 'HEAD of everything',
    lanes: 10,
    async round(scene) {
      const peer = await scene.open(scene.head(allBig.replace('GET', 'HEAD'), scene.tenant.readToken).repeat(20));
      await peer.outlasts(500);
    },
  },
  {
    title: 'readers that are gone at once',
    lanes: 10,
    async round(scene) {
      await scene.open(scene.head(scene.random.pick([allBig, 'GET /export']), scene.tenant.readToken));
      await sleep(scene.random.int(0, 30));
    },
  },
  {
    title: 'bodies that cost much',
    lanes: 4,
    async round(scene) {
      const made = scene.random.pick(corpus).make(100_000_000 + scene.serial);
      for (const { method, path, body = '' } of 'request' in made ? [made.before, made.request] : [made]) {
        const peer = await scene.open(scene.request(`${method} ${path}`, body, 'Connection: close\r\n'));
        await peer.outlasts(longestMs);
      }
    },
  },
  {
    title: 'made-up tokens',
    lanes: 4,
    async round(scene) {
      const forged = () => {
        const name = Buffer.from(`n${scene.random.int(0, 1e9)}`).toString('base64url');
        return `ns_${name}_${scene.random.bytes(32).toString('hex')}`;
      };
      const lines = ['GET /streams', 'GET /subscribe?all=true', 'GET /export', 'DELETE /session', 'HEAD /streams'];
      const requests = scene.random.times(50, 50, () => scene.head(scene.random.pick(lines), forged()));
      const inQuery = `GET /streams?token=${forged()} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
      const peer = await scene.open(requests.join('') + inQuery);
      await peer.outlasts(longestMs);
    },
  },
  {
    title: 'long selectors',
    lanes: 40,
    async round(scene) {
      const selectors = scene.random.times(100, 100, (at) => `stream=s-${scene.serial}-${at}-${'y'.repeat(120)}`);
      await scene.open(scene.head(`GET /subscribe?${selectors.join('&')}`, scene.tenant.readToken));
      await sleep(1_000);
    },
  },
  {
    title: 'tickets for long names',
    lanes: 2,
    async round(scene) {
      const names = scene.random.times(100, 100, (at) => `t${scene.serial}-${at}-${'z'.repeat(1_000)}`);
      const body = JSON.stringify({ stream: names });
      const peer = await scene.open(scene.request('POST /subscribe/ticket', body, 'Connection: close\r\n'));
      await peer.outlasts(longestMs);
    },
  },
  {
    title: 'subscribers that read nothing',
    lanes: 40,
    async round(scene) {
      await scene.open(scene.head('GET /subscribe?all=true', scene.tenant.readToken), { reads: false });
      await sleep(scene.random.int(2_000, 8_000));
    },
  },
  {
    title: 'junk',
    lanes: 6,
    async round(scene) {
      const append = scene.request('POST /streams/junk-1/messages', '{"type":"T","data":{}}');
      const { pieces } = wildBytes(scene.random, scene.tenant.writeToken, append);
      const peer = await scene.open('');
      for (const piece of pieces) await peer.send(piece);
      await peer.outlasts(scene.random.int(0, 200));
    },
  },
];
