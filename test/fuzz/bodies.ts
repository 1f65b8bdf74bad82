import type { Random } from '../support/random.ts';
import { fuzzName, jsonObject, jsonValue, oddNumbers, oddTexts, uuid } from './values.ts';

/** Ids shared by all appends of a run, so that some are retries and some are duplicates. */
export function sharedId(random: Random): string {
  return `00000000-0000-4000-8000-${random.int(0, 300).toString(16).padStart(12, '0')}`;
}

/** The body of an append as text: one or several messages, mostly valid. */
export function newMessages(random: Random): string {
  if (random.chance(0.7)) return newMessage(random);
  if (random.chance(0.01)) return `[${'0,'.repeat(random.pick([9_999, 10_000]))}0]`;
  return `[${random.times(0, random.chance(0.02) ? 600 : 4, () => newMessage(random)).join(',')}]`;
}

/** Data in several spellings, some of which have the same value. */
const knownData = [
  '{"a":1,"b":[]}',
  '{ "b":[ ],"a":1 }',
  '{"a":1.0,"b":[]}',
  `{"a":${'['.repeat(9_000)}${']'.repeat(9_000)}}`,
];

function newMessage(random: Random): string {
  // Occasionally fills the store.
  if (random.chance(0.01)) return `{"type":"Large","data":{"text":"${'x'.repeat(60_000)}"}}`;
  if (random.chance(0.1)) {
    return `{"id":"${sharedId(random)}","type":"Known","data":${random.pick(knownData)},"metadata":${random.pick(['null', '{}'])}}`;
  }
  const type = random.chance(0.9) ? '"Deposited"' : oddJsonText(random);
  const members = [
    `"type":${type}`,
    `"data":${random.chance(0.9) ? jsonObject(random) : jsonValue(random)}`,
    ...(random.chance(0.4) ? [`"metadata":${random.chance(0.8) ? metadata(random) : jsonValue(random)}`] : []),
    ...(random.chance(0.4) ? [`"id":${random.chance(0.9) ? `"${id(random)}"` : jsonValue(random, 1)}`] : []),
    ...(random.chance(0.03) ? [`${oddJsonText(random)}:1`] : []),
    ...(random.chance(0.03) ? ['"type":"Twice"'] : []),
  ];
  return `{${members.join(',')}}`;
}

function metadata(random: Random): string {
  return random.pick([
    'null',
    '{}',
    '{"correlationStreamName":"order-1"}',
    '{"correlationStreamName":7}',
    jsonObject(random, 1),
  ]);
}

function id(random: Random): string {
  return random.chance(0.4) ? sharedId(random) : random.chance(0.9) ? uuid(random) : random.pick(oddTexts);
}

function oddJsonText(random: Random): string {
  return JSON.stringify(random.pick(oddTexts));
}

/** The body of a ticket request. */
export function selectors(random: Random): string {
  const members = [
    `"stream":[${random.times(0, 3, () => JSON.stringify(fuzzName(random))).join(',')}]`,
    `"category":["a"]`,
    `"all":${random.pick(['true', 'false', 'null', '1', '"true"'])}`,
    `"consumer":${random.chance(0.8) ? random.int(-1, 3) : random.pick(oddNumbers)}`,
    `"size":${random.chance(0.8) ? random.int(-1, 3) : random.pick(oddNumbers)}`,
    `${oddJsonText(random)}:${jsonValue(random, 1)}`,
    `"category":[${random.times(0, 150, () => '"a"').join(',')}]`,
  ];
  return `{${members.filter((_member, index) => random.chance(index === 1 ? 0.6 : 0.15)).join(',')}}`;
}

/** The body of a retention rule; some keep very little. */
export function retentionLimits(random: Random): string {
  const limit = () =>
    random.chance(0.9)
      ? String(10 ** random.int(0, 9))
      : random.chance(0.5)
        ? jsonValue(random, 1)
        : random.pick(oddNumbers);
  const members = ['maxAgeMs', 'maxMessages', 'maxBytes'].map((name) => `"${name}":${limit()}`);
  const chosen = members.filter(() => random.chance(0.5));
  return `{${[...chosen, ...(random.chance(0.05) ? [`${oddJsonText(random)}:1`] : [])].join(',')}}`;
}

/** Namespaces that are created and deleted; the run's own are never deleted. */
function scratchName(random: Random): string {
  return random.chance(0.8) ? `scratch${random.int(0, 5)}` : random.pick(oddTexts);
}

/** A call of `/rpc`, usually with valid arguments. */
export function rpcCall(random: Random, methods: readonly string[]): string {
  const method = random.chance(0.93)
    ? random.pick(methods)
    : random.pick([...oddTexts, 'stream.', 'STREAM.GET', 'ns.token']);
  if (random.chance(0.03)) return jsonValue(random);
  const first = method.startsWith('ns.') ? JSON.stringify(scratchName(random)) : JSON.stringify(fuzzName(random));
  const args = [
    random.chance(0.93) ? (method === 'category.get' && random.chance(0.2) ? '""' : first) : jsonValue(random, 1),
  ];
  if (method === 'ns.retention.set' && random.chance(0.9)) args[0] = retentionLimits(random);
  if (method === 'ns.retention.delete' && random.chance(0.9)) args.length = 0;
  if (method === 'stream.write') args.push(random.chance(0.9) ? newMessage(random) : jsonValue(random));
  if (method === 'ns.token.revoke') args.push(`"${uuid(random)}"`);
  if (method === 'ns.streams' && random.chance(0.9)) args.length = 0;
  if (random.chance(0.7)) args.push(options(random, method));
  if (random.chance(0.05)) args.push(jsonValue(random));
  return `[${[JSON.stringify(method), ...args].join(random.pick([',', ',', ' , ']))}]`;
}

const optionNames = [
  'id',
  'expectedVersion',
  'position',
  'globalPosition',
  'batchSize',
  'type',
  'correlation',
  'prefix',
  'cursor',
  'limit',
  'description',
  'token',
  'metadata',
  'label',
  'scope',
  'expiresAt',
  'category',
  'dryRun',
  '__proto__',
] as const;

/** Arguments of each method. */
const methodOptions: Readonly<Record<string, readonly (typeof optionNames)[number][]>> = {
  'stream.write': ['id', 'expectedVersion'],
  'stream.get': ['position', 'globalPosition', 'batchSize'],
  'stream.last': ['type'],
  'category.get': ['position', 'globalPosition', 'batchSize', 'correlation'],
  'stream.erase': ['position'],
  'ns.retention.set': ['category', 'dryRun'],
  'ns.retention.delete': ['category'],
  'ns.streams': ['prefix', 'cursor', 'limit'],
  'ns.create': ['description', 'token', 'metadata'],
  'ns.token.create': ['label', 'scope', 'expiresAt'],
};

function options(random: Random, method: string): string {
  const own = methodOptions[method] ?? optionNames;
  const value = (name: (typeof optionNames)[number]): string => {
    if (random.chance(0.15)) return jsonValue(random, 1);
    if (name === 'id') return `"${id(random)}"`;
    if (name === 'scope') return random.pick(['"read"', '"write"', '"admin"', '"root"']);
    if (name === 'expiresAt')
      return random.pick(['"2999-01-01T00:00:00Z"', '"2000-01-01T00:00:00Z"', '"soon"', '"2999-13-99T99:99:99Z"']);
    if (name === 'dryRun') return random.pick(['true', 'false']);
    if (/Version|osition|atchSize|limit/.test(name)) {
      return random.chance(0.8) ? String(random.int(-2, 20)) : random.pick(oddNumbers.slice(1));
    }
    return random.chance(0.5) ? '"a"' : oddJsonText(random);
  };
  const members = random.times(0, 3, () => {
    const name = random.pick(random.chance(0.8) ? own : optionNames);
    return `"${name}":${value(name)}`;
  });
  if (random.chance(0.15)) members.push(`"consumerGroup":{"member":${random.int(-1, 3)},"size":${random.int(-1, 3)}}`);
  return `{${members.join(',')}}`;
}
