/** How charts and tables show a server. */
type Shown = {
  readonly label: string;
  /** Readable on white and black; each server has the same colour in all charts. */
  readonly colour: string;
  /** Pokewire itself, with any store. */
  readonly isOurs: boolean;
};

const oursColour = '#e2502e';

const ours = (label: string): Shown => ({ label, colour: oursColour, isOurs: true });
const other = (label: string, colour: string): Shown => ({ label, colour, isOurs: false });

/** By the target's name in result files. */
export const servers: Readonly<Record<string, Shown>> = {
  pokewire: ours('Pokewire'),
  'pokewire, garbage collected': ours('Pokewire, after garbage collection'),
  'c-floor': other('C, bare epoll loop', '#6b7280'),
  'c-floor-nagle': other('C, bare epoll loop, Nagle', '#868c98'),
  'node-net': other('Node, bare node:net', '#2f6fb5'),
  'node-net-nagle': other('Node, bare node:net, Nagle', '#5589c2'),
  'node-net-batched': other('Node, bare node:net, batched', '#1c7f92'),
  'node-net-batched-nagle': other('Node, bare node:net, batched, Nagle', '#3f929f'),
  nchan: other('nginx with nchan', '#2f8f4e'),
  centrifugo: other('Centrifugo', '#5f5fc4'),
  eventodb: other('EventoDB', '#b0568a'),
  'go-sse': other('Go with go-sse', '#3d8f7c'),
  'better-sse': other('Fastify with better-sse', '#9a5bb5'),
  'fastify-sse': other('Fastify with @fastify/sse', '#a8742a'),
  'fastify-plain': other('Fastify, reply.raw.write', '#857a26'),
  'fastify-empty-post': other('Fastify, empty JSON route', '#7f7674'),

  'pooling on': ours('Pokewire'),
  'pooling off': other('Pokewire without pools', '#a8796b'),
  memory: ours('Pokewire, memory'),
  'memory-unlimited': ours('Pokewire, memory, nothing deleted'),
  sqlite: ours('Pokewire, SQLite'),
  'sqlite-unlimited': ours('Pokewire, SQLite, nothing deleted'),
  file: ours('SQLite file'),

  postgres: ours('Pokewire, PostgreSQL'),
  store: ours('Pokewire’s store, without HTTP'),
  http: ours('Pokewire over HTTP'),
  write_message: other('write_message, a statement each', '#4f7fa0'),
  'own node': ours('Pokewire, same node'),
  'other node': ours('Pokewire, another node'),
  'one node': ours('Pokewire, one node'),
  'three nodes': ours('Pokewire, three nodes'),
  service: ours('Pokewire, written by a service'),
  polling: other('Consumers that poll', '#8d6f94'),
  subscribed: ours('Consumers of Pokewire'),

  nats: ours('Pokewire, JetStream'),
  'publish R1': other('JetStream publish, 1 copy', '#5f8a2e'),
  'publish R3': other('JetStream publish, 3 copies', '#72914c'),
  'http R1': ours('Pokewire over HTTP, 1 copy'),
  'http R3': ours('Pokewire over HTTP, 3 copies'),
  'own node R1': ours('Pokewire, same node, 1 copy'),
  'own node R3': ours('Pokewire, same node, 3 copies'),
  'other node R1': ours('Pokewire, another node, 1 copy'),
  'other node R3': ours('Pokewire, another node, 3 copies'),
  'crowd R1': ours('Pokewire, JetStream, 1 copy'),
  'crowd R3': ours('Pokewire, JetStream, 3 copies'),
  R1: ours('Pokewire, 1 copy'),
  R3: ours('Pokewire, 3 copies'),
};

/** How a target is shown: by its own name in grey if this table lacks it. */
export function shownAs(target: string): Shown {
  return servers[target] ?? other(target, '#7d7d7d');
}
