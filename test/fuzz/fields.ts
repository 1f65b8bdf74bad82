import type { Random } from '../support/random.ts';
import type { Parameter, Route } from '../support/routes.ts';
import { encodeOddly, type Header } from './framing.ts';
import { oddNumbers, oddTexts } from './values.ts';

/** A query with `?`, or nothing: known names with valid and odd values, repeated and unknown names, prototypes, bad encodings. */
export function randomQuery(random: Random, { parameters }: Pick<Route, 'parameters'>, token: string): string {
  // Rare, because a log that is replaced often never gets full.
  const likelihood = (name: string) => (name === 'force' ? 0.1 : 2 / (parameters.length + 1));
  const given = parameters.filter(({ name }) => random.chance(likelihood(name)));
  const pairs = given.map((parameter) => `${encodeOddly(random, parameter.name)}=${oneValue(random, parameter)}`);
  if (given.length > 0 && random.chance(0.05)) pairs.push(pairs[0]!);
  if (random.chance(0.05)) pairs.push(oddPair(random, token));
  if (random.chance(0.03)) pairs.push(`token=${token}`);
  return pairs.length === 0 ? random.pick(['', '', '', '?']) : `?${pairs.join('&')}`;
}

function oneValue(random: Random, { type }: Parameter): string {
  if (random.chance(0.1)) return encodeOddly(random, random.pick(oddTexts));
  if (type === 'integer')
    return encodeOddly(random, random.chance(0.7) ? String(random.int(-1, 30)) : random.pick(oddNumbers));
  if (random.chance(0.3)) return random.pick(['true', 'false', 'head', '1', '0', '']);
  return encodeOddly(random, random.pick(['a', 'b', 'account', 'a-1', 'b-2', 'account-3+1', random.pick(oddTexts)]));
}

function oddPair(random: Random, token: string): string {
  return random.pick([
    `token=${token}&token=${token}`,
    'token=',
    'token[]=a&token[b]=c',
    random.times(10, 40, (index) => `category=c${index}`).join('&'),
    'ticket=abc',
    'ticket=&ticket=',
    '__proto__=1',
    '__proto__[a]=1',
    'constructor[prototype][a]=1',
    'hasOwnProperty=1',
    '=',
    '=1',
    '&&&',
    'a',
    '%=%',
    '%ff=%fe',
    'a=%00',
    '?a=1',
    ';a=1',
    'x'.repeat(500),
    random.times(50, 200, (index) => `a${index}=`).join('&'),
  ]);
}

export type Credentials = { readonly admin: string; readonly reader: string; readonly operator: string };

const forged = `ns_ZGVmYXVsdA_${'e'.repeat(64)}`;

const odd: readonly (readonly Header[])[] = [
  [['X-Request-Id', 'é\xff\x80']],
  [['X-Request-Id', '']],
  [['X-Request-Id', 'x'.repeat(5_000)]],
  [
    ['X-Request-Id', 'a'],
    ['X-Request-Id', 'b'],
  ],
  [['Origin', 'http://evil.example']],
  [['Origin', 'null']],
  [['Origin', 'http://localhost']],
  [['Sec-Fetch-Site', 'cross-site']],
  [['Sec-Fetch-Site', 'same-origin']],
  [
    ['Origin', 'http://a.example'],
    ['Access-Control-Request-Method', '\xff'],
    ['Access-Control-Request-Headers', 'a, b\t, é'],
  ],
  [['Cookie', 'pokewire=%; __Host-pokewire=%ff; a; =; ;;']],
  [['Cookie', `__proto__=a; constructor=b; pokewire="${'x'.repeat(300)}"`]],
  [
    ['Cookie', 'a=b'],
    ['Cookie', 'pokewire=c'],
  ],
  [['X-Forwarded-For', '1.2.3.4, ::1, unknown, \xe9, 999.1.1.1']],
  [['X-Forwarded-For', ',,,']],
  [['X-Forwarded-Proto', 'https, http']],
  [['X-Forwarded-Host', 'evil.example"<>']],
  [['Forwarded', 'for="[::1"']],
  [['Range', 'bytes=0-5']],
  [['Range', 'bytes=9999999999-1,-1,a-b']],
  [['If-None-Match', '*']],
  [['If-Match', '"nothing"']],
  [['If-Modified-Since', 'Tue, 99 Foo 9999 99:99:99 GMT']],
  [['Accept', 'text/event-stream;q=NaN, */*;q=2']],
  [['Accept-Encoding', 'gzip, br, *;q=0']],
  [['Accept-Version', '9.x']],
  [['Content-Encoding', 'gzip']],
  [['Last-Event-ID', '9007199254740993']],
  [['Last-Event-ID', '-1']],
  [['If-Range', 'x']],
  [['TE', 'trailers, chunked']],
  [['Trailer', 'Content-Length']],
  [['Content-Disposition', 'attachment']],
  [['__proto__', 'a']],
  [['constructor', 'b']],
  [['X-HTTP-Method-Override', 'DELETE']],
  [['Via', '1.1 a, 1.0 b']],
  [['Expect', '100-continue']],
  [['Expect', 'the-unexpected']],
  [['Upgrade', 'h2c, websocket']],
  [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
  ],
  [['Connection', 'close, keep-alive']],
  [['Connection', 'Content-Length, Host, Authorization']],
  Array.from({ length: 120 }, (_value, index): Header => [`X-Many-${index % 60}`, 'a']),
];

const contentTypes = [
  'application/json; charset=utf-8',
  'application/json;charset=latin1',
  'APPLICATION/JSON',
  'application/jsonp',
  'application/json/json',
  'application/json, text/plain',
  'application/x-ndjson',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=',
  'text/plain',
  'text/plain;;;=;"',
  '*/*',
  '/',
  '',
  ';',
  '\xff/\xff',
  '__proto__',
  'application/json; a="',
];

/** Headers of a request except for framing: credential, content type, and oddities. */
export function fuzzHeaders(random: Random, tokens: Credentials, hasBody: boolean, method: string): Header[] {
  const headers: Header[] = [...credential(random, tokens)];
  if (hasBody && random.chance(0.92)) headers.push(['Content-Type', 'application/json']);
  else if (hasBody || (method === 'POST' && random.chance(0.1)))
    headers.push(['Content-Type', random.pick(contentTypes)]);
  if (random.chance(0.2)) headers.push(...random.pick(odd));
  return random.chance(0.05) ? headers.map(([name, value]) => [name.toUpperCase(), value] as const) : headers;
}

function credential(random: Random, { admin, reader, operator }: Credentials): readonly Header[] {
  const bearer = (token: string): Header[] => [['Authorization', `Bearer ${token}`]];
  return random.weighted<readonly Header[]>([
    [80, bearer(admin)],
    [3, bearer(reader)],
    [3, bearer(operator)],
    [4, []],
    [1, bearer(forged)],
    [1, [['Cookie', `pokewire=${admin}`]]],
    [1, [...bearer(admin), ...bearer(forged)]],
    [1, [['Authorization', `bearer ${admin}`]]],
    [1, bearer(admin.slice(0, random.int(0, admin.length)))],
    [
      1,
      bearer(
        random.pick(['', '\xe9', `ns__${'0'.repeat(64)}`, `ns_Li4_${'0'.repeat(64)}`, 'x'.repeat(2_000), `${admin} `]),
      ),
    ],
    [1, [['Authorization', random.pick(['', 'Basic YTpi', 'Bearer', 'Digest username="a"', `Bearer\t${admin}`])]]],
    [1, [['Cookie', `__Host-pokewire=${forged}; pokewire=${admin}`]]],
  ]);
}
