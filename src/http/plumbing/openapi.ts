import { STATUS_CODES } from 'node:http';
import type { SwaggerTransformObject } from '@fastify/swagger';
import { errorStatuses } from '../../errors.ts';
import { Poke } from '../../message/poke.ts';
import { StreamName } from '../../message/stream-name.ts';
import { maxFrameBytes, PlainFrameEncoder, payloadOf, readyFrame, retryFrame } from '../../sse/frame.ts';

/** What the routes are grouped by, in the order of the page. */
export const tags = [
  { name: 'streams', description: 'Append messages to streams, and read them by their position.' },
  { name: 'categories', description: 'Read all streams of a category as one, by global position.' },
  { name: 'subscriptions', description: 'Be told at once that a message was appended, and where it stands.' },
  { name: 'RPC', description: 'What clients of EventoDB speak: one route for all methods.' },
  { name: 'operations', description: 'For those who run the server.' },
] as const;

type JsonObject = Record<string, unknown>;
type Operation = { parameters?: Parameter[]; responses: Record<string, { description: string }> };
type Parameter = { in: string; name: string; description?: string; schema?: JsonObject; example?: unknown };

/** A route that answers text says so by `produces`; this gives its response the content. For `transform`. */
export function describeText<S>({ schema, url }: { schema: S; url: string }): { schema: S; url: string } {
  const { produces, response } = (schema ?? {}) as { produces?: string[]; response?: unknown };
  if (produces === undefined || response !== undefined) return { schema, url };
  const content = Object.fromEntries(produces.map((type) => [type, textContents[type] ?? plainText]));
  return { schema: { ...schema, response: { 200: { description: 'Text', content } } }, url };
}

const plainText = { schema: { type: 'string' } };

const textContents: Readonly<Record<string, JsonObject>> = {
  'text/event-stream': {
    schema: {
      type: 'string',
      description:
        'Events named `poke`, each with the JSON of #/components/schemas/Poke; its id is the global position. An event ' +
        'named `error` with the JSON of #/components/schemas/Error is the last one: the log could not be read.',
    },
    example: exampleStream(),
  },
};

/** Adds what holds for every route, so that no route repeats it: failures and examples. For `transformObject`. */
export function completeDescription(document: Parameters<SwaggerTransformObject>[0]) {
  if (!('openapiObject' in document)) throw new TypeError('the description is OpenAPI 3.1');
  const described = document.openapiObject as { paths: Record<string, Record<string, Operation>> };
  const paths = Object.entries(described.paths).map(([path, operations]) => [path, complete(path, operations)]);
  return { ...described, components, paths: Object.fromEntries(paths) };
}

function complete(path: string, operations: Record<string, Operation>): Record<string, Operation> {
  const completed = Object.entries(operations).map(([method, operation]) => {
    const parameters = (operation.parameters ?? []).map(withExample);
    if (path === '/subscribe') parameters.push(lastEventId);
    const described = Object.entries(operation.responses).map(([status, response]) => [
      status,
      response.description === 'Default Response' ? { ...response, description: STATUS_CODES[status] } : response,
    ]);
    const responses = { ...Object.fromEntries(described), default: { $ref: '#/components/responses/Error' } };
    return [method, { ...operation, ...(parameters.length > 0 && { parameters }), responses }];
  });
  return Object.fromEntries(completed);
}

const parameterExamples: Readonly<Record<string, unknown>> = {
  'path stream': 'account-123',
  'path category': 'account',
  'query category': ['account'],
};

function withExample(parameter: Parameter): Parameter {
  const example = parameterExamples[`${parameter.in} ${parameter.name}`];
  return example === undefined ? parameter : { ...parameter, example };
}

const lastEventId: Parameter = {
  in: 'header',
  name: 'Last-Event-ID',
  description: 'Global position after which to resume; wins over position. An EventSource sends it when it reconnects',
  schema: { type: 'integer', minimum: 0 },
};

const components = {
  schemas: {
    Poke: {
      type: 'object',
      description: 'The hint that a message exists: where it stands, never what it says.',
      required: ['stream', 'position', 'globalPosition'],
      properties: {
        stream: { type: 'string' },
        position: { type: 'integer', minimum: 0, description: 'Place in its stream, from 0' },
        globalPosition: { type: 'integer', minimum: 1, description: 'Place in the log, from 1' },
      },
    },
    Error: {
      type: 'object',
      required: ['error'],
      properties: {
        error: {
          type: 'object',
          required: ['code', 'message'],
          properties: {
            code: {
              type: 'string',
              description: 'For programs; each code has its HTTP status',
              oneOf: Object.entries(errorStatuses).map(([code, status]) => ({ const: code, description: `${status}` })),
            },
            message: { type: 'string', description: 'For people: what is wrong, and what to do' },
            details: { type: 'object', description: 'Facts that belong to the code', additionalProperties: true },
          },
        },
      },
    },
  },
  responses: {
    Error: {
      description: 'Every failure, on every route, in one shape',
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
    },
  },
};

// Made by what makes the real ones, so that it cannot differ from them.
function exampleStream(): string {
  const frame = Buffer.alloc(maxFrameBytes);
  const poke = new Poke().set(new StreamName('account-123'), 5, 1234, 0);
  const end = new PlainFrameEncoder().encode(poke, '7f9c2ba4e88f', frame, 0);
  return payloadOf(Buffer.concat([readyFrame, retryFrame(3271), frame.subarray(0, end)])).toString();
}
