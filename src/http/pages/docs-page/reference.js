import { curlLine } from '../common/curl-line.js';
import { element } from '../common/element.js';

/** Shows every operation of an OpenAPI description, grouped by tag, and the codes of failures. */
export function showReference(parent, { components, ...named }) {
  const description = { ...inlined(named, components.schemas), components };
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  );
  for (const { name, description: text } of description.tags) {
    const tagged = operations.filter(({ tags }) => tags?.includes(name));
    parent.append(group(name, text, tagged.map(showOperation)));
  }
  parent.append(group('errors', description.components.responses.Error.description, [errorCodes(description)]));
}

/** The description with named schemas where they are referred to; other references stay. */
function inlined(part, schemas) {
  if (Array.isArray(part)) return part.map((element) => inlined(element, schemas));
  if (typeof part !== 'object' || part === null) return part;
  const schema = schemas[/^#\/components\/schemas\/(.+)$/.exec(part.$ref)?.[1]];
  if (schema !== undefined) return inlined(schema, schemas);
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, inlined(value, schemas)]));
}

function group(name, text, contents) {
  const title = element('h2', { id: `api-${name}` }, name);
  const operations = element('div', { className: 'operations' }, ...contents);
  return element('section', { className: 'group' }, title, element('p', { className: 'quiet' }, text), operations);
}

function showOperation({ path, method, summary, description, parameters = [], requestBody, responses }) {
  const head = element(
    'summary',
    {},
    element('span', { className: `method ${method}` }, method.toUpperCase()),
    element('code', { className: 'path' }, ...breakable(path)),
    element('span', { className: 'quiet' }, summary ?? ''),
  );
  const body = element('div', { className: 'operation' });
  if (description !== undefined) body.append(element('p', {}, ...marked(description)));
  body.append(curlLine(curlOf({ method, path, parameters, requestBody, responses })));
  const ordered = parameters.toSorted((one, other) => places.indexOf(one.in) - places.indexOf(other.in));
  body.append(...titled('Parameters', ordered.flatMap(showParameter)));
  body.append(...titled('Body', bodyFields(requestBody).flatMap(showParameter)));
  body.append(...titled('Answers', showResponses(responses)));
  return element('details', {}, head, body);
}

const places = ['path', 'query', 'header'];

function titled(title, terms) {
  return terms.length === 0 ? [] : [element('h4', {}, title), element('dl', {}, ...terms)];
}

/** The fields of the first form a body may have, told like parameters. */
function bodyFields(requestBody) {
  const schema = bodyOf(requestBody).schema;
  const { properties = {}, required = [] } = schema?.anyOf?.[0] ?? schema ?? {};
  return Object.entries(properties).map(([name, field]) => {
    return { name, required: required.includes(name), schema: field, description: field.description };
  });
}

function showParameter({ name, in: place, required, schema = {}, description = '' }) {
  const facts = [place, typeOf(schema), required ? 'required' : ''].filter(Boolean).join(', ');
  return [
    element('dt', {}, element('code', {}, name), element('span', { className: 'quiet' }, facts)),
    element('dd', {}, ...marked(description)),
  ];
}

/** Each success, and all refusals in one row, because they have one shape. */
function showResponses(responses) {
  const entries = Object.entries(responses);
  const refusals = entries.filter(([, { $ref }]) => $ref !== undefined).map(([status]) => status);
  const successes = entries.filter(([, { $ref }]) => $ref === undefined).flatMap(showResponse);
  return [
    ...successes,
    element('dt', {}, element('code', {}, refusals.filter((status) => status !== 'default').join(' '))),
    element('dd', {}, element('a', { href: '#api-errors' }, 'A failure, see errors')),
  ];
}

function showResponse([status, { description, content = {} }]) {
  const type = Object.keys(content)[0];
  const { example } = content[type] ?? {};
  return [
    element('dt', {}, element('code', {}, status), element('span', { className: 'quiet' }, type ?? '')),
    element(
      'dd',
      {},
      description,
      ...(example === undefined ? [] : [element('pre', { className: 'code' }, example.trim())]),
    ),
  ];
}

function errorCodes(description) {
  const { code, message, details } = description.components.schemas.Error.properties.error.properties;
  const shape = '{"error":{"code":"…","message":"…","details":{…}}}';
  const explained = Object.entries({ code, message, details }).flatMap(([name, { description: text }]) => [
    element('dt', {}, element('code', {}, name)),
    element('dd', {}, text),
  ]);
  const codes = code.oneOf.map(({ const: name, description: status }) =>
    element('li', {}, element('code', {}, name), element('span', { className: 'quiet' }, status)),
  );
  return element(
    'div',
    { className: 'operation' },
    element('pre', { className: 'code' }, shape),
    element('dl', {}, ...explained),
    element('ul', { className: 'codes' }, ...codes),
  );
}

/** A command that works as it stands: path parameters have examples, and so has what a request cannot do without. */
function curlOf({ method, path, parameters, requestBody, responses }) {
  const named = (place) => parameters.filter((parameter) => parameter.in === place && parameter.example !== undefined);
  const filled = named('path').reduce(
    (url, { name, example }) => url.replace(`{${name}}`, encodeURIComponent(example)),
    path,
  );
  const query = new URLSearchParams(
    named('query').flatMap(({ name, example }) => [example].flat().map((value) => [name, value])),
  );
  const url = new URL(filled.slice(1) + (query.size > 0 ? `?${query}` : ''), document.baseURI);
  const endless = responses['200']?.content?.['text/event-stream'] !== undefined;
  const { type, schema, example } = bodyOf(requestBody);
  const body = example ?? exampleOf(schema);
  // What curl asks by itself need not be said.
  const usual = body === undefined ? 'get' : 'post';
  const options = [endless && '-N ', method !== usual && `-X ${method.toUpperCase()} `];
  const command = `curl ${options.filter(Boolean).join('')}'${url}'`;
  if (body === undefined) return command;
  return [command, `-H 'content-type: ${type}'`, `-d '${textOf(body)}'`].join(' \\\n  ');
}

function bodyOf(requestBody) {
  const [type, { schema, example } = {}] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  return { type, schema, example };
}

function textOf(body) {
  return typeof body === 'string' ? body.trim() : JSON.stringify(body);
}

function exampleOf(schema) {
  return schema?.examples?.[0] ?? schema?.anyOf?.map(exampleOf).find((example) => example !== undefined);
}

function typeOf({ type, anyOf, items, minimum, maximum }) {
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeOf))].join(' or ');
  const range = [minimum !== undefined && `from ${minimum}`, maximum !== undefined && `to ${maximum}`].filter(Boolean);
  return [type === 'array' ? `${items?.type ?? 'any'}, repeatable` : type, ...range].filter(Boolean).join(' ');
}

/** Long paths may break behind a slash. */
function breakable(path) {
  return path.split(/(?<=\/)/).flatMap((part) => [part, element('wbr')]);
}

/** Text in which `code` is marked. */
function marked(text) {
  return text.split('`').map((part, index) => (index % 2 === 1 ? element('code', {}, part) : part));
}
