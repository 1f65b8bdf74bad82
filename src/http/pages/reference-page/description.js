/** Converts an OpenAPI description to the page's structure: groups of operations with all details. */
export function groupsOf({ components, ...named }) {
  const { paths, tags } = inlined(named, components.schemas);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => operationOf(path, method, operation)),
  );
  return tags.map(({ name, description }) => ({
    name,
    description,
    operations: operations.filter(({ tag }) => tag === name),
  }));
}

/** The description with named schemas inlined; other references stay. */
function inlined(part, schemas) {
  if (Array.isArray(part)) return part.map((element) => inlined(element, schemas));
  if (typeof part !== 'object' || part === null) return part;
  const name = /^#\/components\/schemas\/(.+)$/.exec(part.$ref)?.[1];
  if (schemas[name] !== undefined) return { title: name, ...inlined(schemas[name], schemas) };
  return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, inlined(value, schemas)]));
}

const places = ['path', 'query', 'header'];

function operationOf(path, method, { operationId, summary, description, tags, security, ...rest }) {
  const { parameters = [], requestBody, responses } = rest;
  const isRefusal = ([, { $ref }]) => $ref !== undefined;
  const statuses = Object.entries(responses);
  return {
    id: operationId,
    method: method.toUpperCase(),
    path,
    summary,
    description,
    tag: tags[0],
    scope: rest['x-scope'],
    takesTicket: security.some(({ ticket }) => ticket !== undefined),
    parameters: parameters
      .map((parameter) => ({ ...parameter, example: parameter.example ?? parameter.schema?.examples?.[0] }))
      .toSorted((one, other) => places.indexOf(one.in) - places.indexOf(other.in)),
    body: bodyOf(requestBody),
    answers: statuses.filter((entry) => !isRefusal(entry)).map(answerOf),
    refusals: statuses.filter(isRefusal).flatMap(([status]) => (status === 'default' ? [] : [status])),
  };
}

/** A request's body; undefined: none. */
function bodyOf(requestBody) {
  const [type, { schema, example } = {}] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  return type === undefined ? undefined : { type, schema, example: example ?? exampleIn(schema) };
}

function exampleIn(schema) {
  return schema?.examples?.[0] ?? schema?.anyOf?.map(exampleIn).find((example) => example !== undefined);
}

function answerOf([status, { description, content = {}, headers = {} }]) {
  const [type, { schema, example } = {}] = Object.entries(content)[0] ?? [];
  const named = Object.entries(headers).map(([name, { schema: header }]) => [name, header.examples?.[0]]);
  return { status, description, type, schema, example, headers: named };
}

/** The members of a schema, each followed by those of its parts: `streams[].version`. */
export function fieldsOf(schema, path = '') {
  if (schema === undefined) return [];
  if (schema.anyOf !== undefined) return fieldsOf(schema.anyOf.find(hasMembers), path);
  if (schema.type === 'array') return fieldsOf(schema.items, `${path}[]`);
  const { properties = {}, required = [] } = schema;
  return Object.entries(properties).flatMap(([member, part]) => {
    const name = path === '' ? member : `${path}.${member}`;
    const field = { name, schema: part, required: required.includes(member), description: part.description };
    return [field, ...fieldsOf(part, name)];
  });
}

function hasMembers({ properties, items }) {
  return properties !== undefined || items !== undefined;
}

/** The type of a value as text. */
export function typeText(schema = {}) {
  const { type, anyOf, enum: values, const: constant, items, title, format } = schema;
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeText))].join(' or ');
  if (constant !== undefined) return JSON.stringify(constant);
  if (values !== undefined) return values.map((value) => JSON.stringify(value)).join(', ');
  if (type === 'array')
    return [items === undefined ? 'array' : `array of ${typeText(items)}`, ...bounds(schema)].join(', ');
  return [title ?? format ?? type ?? 'any JSON', ...bounds(schema)].join(', ');
}

function bounds({ minimum, maximum, minLength, maxLength, maxItems }) {
  const least = minimum === undefined ? [] : [`from ${minimum}`];
  // JavaScript's largest exact integer is no limit in practice.
  const most = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER ? [] : [`to ${maximum}`];
  const longest = maxLength === undefined ? [] : [`${minLength ?? 0} to ${maxLength} characters`];
  const entries = maxItems === undefined ? [] : [`at most ${maxItems}`];
  return [[...least, ...most].join(' '), ...longest, ...entries].filter(Boolean);
}
