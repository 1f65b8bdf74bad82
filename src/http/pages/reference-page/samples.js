import { curlCommand } from '../common/curl-line.js';
import { clientSample } from './client-samples.js';

/** The same request in each tab's language, as far as that can send it. Each sample works as it is. */
export function samplesOf(operation) {
  const request = requestOf(operation);
  return [
    { name: 'curl', text: curlText(request) },
    { name: 'fetch', text: fetchText(request) },
    ...(request.isEndless ? [{ name: 'EventSource', text: eventSourceText(request) }] : []),
    ...clientSample(operation, request),
  ];
}

/** The request with the description's examples; optional parts without an example are omitted. */
function requestOf({ method, path, parameters, body, answers }) {
  const given = (place) => parameters.filter((parameter) => parameter.in === place && parameter.example !== undefined);
  const filled = given('path').reduce(
    (url, { name, example }) => url.replace(`{${name}}`, encodeURIComponent(example)),
    path,
  );
  const query = new URLSearchParams(
    given('query').flatMap(({ name, example }) => [example].flat().map((value) => [name, value])),
  );
  const target = filled + (query.size > 0 ? `?${query}` : '');
  const [{ type: answerType }] = answers;
  return {
    method,
    target,
    url: new URL(target.slice(1), document.baseURI).href,
    body,
    answerType,
    isEndless: method === 'GET' && answerType === 'text/event-stream',
  };
}

function curlText({ method, url, body, isEndless, answerType }) {
  // curl's default method is omitted.
  const usual = body === undefined ? 'GET' : 'POST';
  const options = [
    ...(isEndless ? ['-N'] : []),
    ...(method === usual ? [] : [`-X ${method}`]),
    ...(answerType === 'application/octet-stream' ? ['-OJ'] : []),
  ];
  const command = curlCommand(url, options);
  if (body === undefined) return command;
  const text = typeof body.example === 'string' ? body.example.trim() : JSON.stringify(body.example);
  return [command, `-H 'content-type: ${body.type}'`, `-d '${text}'`].join(' \\\n  ');
}

function fetchText({ method, url, body, answerType, isEndless }) {
  const options = [
    ...(method === 'GET' ? [] : [`  method: '${method}',`]),
    ...(body === undefined ? [] : [`  headers: { 'content-type': '${body.type}' },`, `  body: ${bodyText(body)},`]),
  ];
  const call = options.length === 0 ? `fetch('${url}')` : [`fetch('${url}', {`, ...options, '})'].join('\n');
  return `const response = await ${call};\n${isEndless ? readPieces : (readWhole[answerType] ?? readNothing)}`;
}

const readPieces = `const pieces = response.body.pipeThrough(new TextDecoderStream());
for await (const piece of pieces) console.log(piece);`;

const readWhole = {
  'application/json': 'console.log(await response.json());',
  'application/x-ndjson': 'console.log(await response.text());',
  'text/event-stream': 'console.log(await response.text());',
  'text/plain': 'console.log(await response.text());',
  'application/octet-stream': 'const copy = await response.blob();',
};

const readNothing = 'console.log(response.status);';

function bodyText({ example }) {
  return typeof example === 'string' ? textLiteral(example) : `JSON.stringify(${literal(example)})`;
}

function textLiteral(text) {
  return text.includes('\n') ? `\`${text.replaceAll(/[`\\$]/g, '\\$&')}\`` : `'${text.replaceAll(/['\\]/g, '\\$&')}'`;
}

/** A value as a JavaScript literal. */
export function literal(value) {
  if (typeof value === 'string') return textLiteral(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  const members = Object.entries(value).map(([name, member]) => `${name}: ${literal(member)}`);
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`;
}

function eventSourceText({ url }) {
  const [event, shown] = url.includes('/diagnose/') ? ['tick', 'data'] : ['poke', 'data, lastEventId'];
  return `const source = new EventSource('${url}');
source.addEventListener('${event}', ({ ${shown} }) => console.log(${shown}));`;
}
