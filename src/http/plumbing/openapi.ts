import { STATUS_CODES } from 'node:http';
import type { SwaggerTransformObject } from '@fastify/swagger';
import type { FastifyContextConfig } from 'fastify';
import { Poke } from '../../message/poke.ts';
import { StreamName } from '../../message/stream-name.ts';
import { maxFrameBytes, PlainFrameEncoder, payloadOf, readyFrame, retryFrame } from '../../sse/frame.ts';
import { components, nameSchemas, requirements } from './openapi-components.ts';
import { answerExamples } from './openapi-examples.ts';
import { categoryText, groupText, nameText } from './parameters.ts';

/** Groups of routes, in page order. */
export const tags = [
  { name: 'streams', description: 'Append messages to streams, and read them by their position.' },
  { name: 'retention', description: 'Limit what is kept of a log and its categories, by age, number and bytes.' },
  { name: 'categories', description: 'Read all streams of a category as one, by global position.' },
  { name: 'subscriptions', description: 'Get a poke at once when a message was appended.' },
  { name: 'groups', description: 'Share a category between workers that join and leave, each stream in order.' },
  { name: 'RPC', description: 'The protocol of EventoDB clients: one route for all methods.' },
  { name: 'operations', description: 'For operators.' },
] as const;

type JsonObject = Record<string, unknown>;
type Operation = {
  operationId: string;
  security: readonly unknown[];
  requestBody?: { required?: boolean };
  parameters?: Parameter[];
  responses: Record<string, Answer>;
};
type Answer = { description: string; content?: Record<string, { example?: unknown }> };
type Parameter = {
  in: string;
  name: string;
  required?: boolean;
  description?: string;
  schema?: JsonObject;
  example?: unknown;
};

/** Adds what follows from a route's settings: its scope and, for routes with `produces`, the content type. For `transform`. */
export function describeRoute<S>(input: RouteInput<S>): { schema: S; url: string } {
  const { schema, url, route } = input;
  const { produces, response } = (schema ?? {}) as { produces?: string[]; response?: unknown };
  const { access = 'admin', takesTicket = false } = route.config ?? {};
  const byToken = [...requirements.token, ...(takesTicket ? requirements.ticket : [])];
  // OpenAPI defines scopes only for OAuth, so a token's scope is an extension.
  const needed = access === 'none' ? { security: requirements.none } : { security: byToken, 'x-scope': access };
  const described = { ...schema, ...needed };
  if (produces === undefined || response !== undefined) return { schema: described, url };
  const content = Object.fromEntries(produces.map((type) => [type, textContents[type] ?? plainText]));
  const description = produces.includes('text/event-stream') ? 'An event stream' : 'Text';
  return { schema: { ...described, response: { 200: { description, content } } }, url };
}

type RouteInput<S> = { schema: S; url: string; route: { config?: FastifyContextConfig } };

const plainText = { schema: { type: 'string' } };

const textContents: Readonly<Record<string, JsonObject>> = {
  'text/event-stream': {
    schema: {
      type: 'string',
      description:
        'Events named `poke`, each with the JSON of #/components/schemas/Poke; its id is the global position. An event ' +
        'named `error` with the JSON of #/components/schemas/Error is the last one: the log could not be read.',
      contentMediaType: 'text/event-stream',
      contentSchema: { $ref: '#/components/schemas/Poke' },
    },
    example: exampleStream(),
  },
};

/** Relative to the description, because a proxy may have put the server below a path (OpenAPI 3.1, 4.8.5). */
const servers = [{ url: '.', description: 'This server' }];

/** Adds the server, of which the plugin takes absolute addresses only, and errors and examples. For `transformObject`. */
export function completeDescription(document: Parameters<SwaggerTransformObject>[0]) {
  if (!('openapiObject' in document)) throw new TypeError('the description is OpenAPI 3.1');
  const described = document.openapiObject as { paths: Record<string, Record<string, Operation>> };
  const paths = Object.entries(described.paths).map(([path, operations]) => [path, complete(path, operations)]);
  const schemas: Record<string, unknown> = { ...components.schemas };
  const named = nameSchemas(Object.fromEntries(paths), schemas);
  return { ...described, servers, components: { ...components, schemas }, paths: named as Record<string, never> };
}

function complete(path: string, operations: Record<string, Operation>): Record<string, Operation> {
  const completed = Object.entries(operations).map(([method, operation]) => {
    const parameters = (operation.parameters ?? []).map(withFacts);
    if (path === '/subscribe') parameters.push(lastEventId);
    const described = Object.entries(operation.responses).map(([status, response]) => [
      status,
      withExample(operation.operationId, status, response),
    ]);
    const refused = refusalsOf(path, method, operation).map((status) => [status, refusal]);
    const responses = { ...Object.fromEntries([...described, ...refused]), default: refusal };
    const { requestBody } = operation;
    return [
      method,
      {
        ...operation,
        ...(parameters.length > 0 && { parameters }),
        ...(requestBody !== undefined && { requestBody: { ...requestBody, required: true } }),
        responses,
      },
    ];
  });
  return Object.fromEntries(completed);
}

function withExample(operationId: string, status: string, answer: Answer): Answer {
  const description = answer.description === 'Default Response' ? STATUS_CODES[status]! : answer.description;
  const example = answerExamples[operationId];
  if (example === undefined) return { ...answer, description };
  const content = Object.entries(answer.content ?? {}).map(([type, media]) => [type, { example, ...media }]);
  return { ...answer, description, content: Object.fromEntries(content) };
}

const refusal = { $ref: '#/components/responses/Error' };

/** Error statuses: those common to all such routes, and the route's own. Anything else is the default. */
function refusalsOf(path: string, method: string, { operationId, security }: Operation): number[] {
  const statuses = [400, 421, 431, 500, 503];
  if (security.length > 0) statuses.push(401, 403);
  // Applies even if no body is expected, because it is checked before routing.
  if (method !== 'get') statuses.push(408, 413);
  if (method !== 'get' && !takesAnyType.has(path)) statuses.push(415);
  if (path.startsWith('/groups')) statuses.push(404, 409, 410, 429, 501, 507);
  return [...statuses, ...(ownRefusals[operationId] ?? [])].toSorted();
}

const takesAnyType: ReadonlySet<string> = new Set(['/rpc', '/import']);

const ownRefusals: Readonly<Record<string, readonly number[]>> = {
  appendMessages: [404, 409, 410, 429, 501, 507],
  callMethod: [404, 409, 410, 429, 501, 507],
  describeStream: [404, 410, 429],
  exportLog: [404, 410, 429],
  importLog: [404, 429, 501],
  issueTicket: [404, 429],
  listCategories: [404, 410, 429],
  listStreams: [404, 410, 429],
  makeBackup: [429, 501, 507],
  readCategory: [404, 410, 429],
  readLastMessage: [404, 410, 429],
  readStream: [404, 410, 429],
  readTestStream: [429],
  subscribe: [404, 409, 410, 429, 501, 507],
};

// Facts that the validated schemas lack, because their errors count bytes and name the limit. Keyed by location, name
// and type, because a parameter with the same name may differ between routes.
const parameterFacts: Readonly<Record<string, { example?: unknown; schema: JsonObject }>> = {
  'path stream string': { example: 'account-123', schema: nameText },
  'path position string': { example: '0', schema: {} },
  'path category string': { example: 'account', schema: categoryText },
  'path group string': { example: 'billing', schema: groupText },
  'query stream string': { schema: nameText },
  'query stream array': { schema: { items: { type: 'string', ...nameText } } },
  'query category array': { example: ['account'], schema: { items: { type: 'string', ...categoryText } } },
  // Empty means missing.
  'query category string': { schema: { ...categoryText, minLength: 0 } },
  'query correlation string': { schema: { ...categoryText, minLength: 0 } },
};

function withFacts(parameter: Parameter): Parameter {
  const { schema } = parameter;
  if (schema?.type === 'integer' && schema.maximum === undefined) {
    // The reference's commands work only with the required parameters.
    const example = parameter.in === 'query' && parameter.required ? { example: 0 } : {};
    return { ...parameter, ...example, schema: { ...schema, maximum: Number.MAX_SAFE_INTEGER } };
  }
  const facts = parameterFacts[`${parameter.in} ${parameter.name} ${schema?.type}`];
  return facts === undefined ? parameter : { ...parameter, ...facts, schema: { ...schema, ...facts.schema } };
}

const lastEventId: Parameter = {
  in: 'header',
  name: 'Last-Event-ID',
  description: 'Cursor to resume after: the id of the last event. Takes precedence over position. Sent by EventSource',
  schema: { type: 'string' },
};

// Generated by the real encoder, so that it cannot differ.
function exampleStream(): string {
  const frame = Buffer.alloc(maxFrameBytes);
  const poke = new Poke().set(new StreamName('account-123'), 5, 1234, 0);
  const end = new PlainFrameEncoder().encode(poke, '7f9c2ba4e88f', frame, 0);
  return payloadOf(Buffer.concat([readyFrame, retryFrame(3271), frame.subarray(0, end)])).toString();
}
