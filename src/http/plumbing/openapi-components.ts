import { errorStatuses } from '../../errors.ts';
import { cookieName, secureCookieName } from './credential.ts';
import { refusalExample } from './openapi-examples.ts';
import { nameLimits } from './parameters.ts';

/** Access requirements of routes, for `security`. */
export const requirements = {
  none: [],
  token: [{ bearer: [] }, { queryToken: [] }, { session: [] }, { secureSession: [] }],
  ticket: [{ ticket: [] }],
} as const;

/** Parts of the description that belong to no single route. */
export const components = {
  securitySchemes: {
    bearer: {
      type: 'http' as const,
      scheme: 'bearer',
      description: 'A token of a namespace, in the header `Authorization`',
    },
    queryToken: {
      type: 'apiKey' as const,
      in: 'query' as const,
      name: 'token',
      description: 'The same token, for experiments',
    },
    ticket: {
      type: 'apiKey' as const,
      in: 'query' as const,
      name: 'ticket',
      description: 'From POST /subscribe/ticket; can be used once',
    },
    session: {
      type: 'apiKey' as const,
      in: 'cookie' as const,
      name: cookieName,
      description: 'From POST /session, over http',
    },
    secureSession: {
      type: 'apiKey' as const,
      in: 'cookie' as const,
      name: secureCookieName,
      description: 'The same, over https',
    },
  },
  schemas: {
    Poke: {
      type: 'object',
      description: 'The hint that a message exists: its position, never its content.',
      required: ['stream', 'position', 'globalPosition'],
      properties: {
        stream: { type: 'string', ...nameLimits },
        position: { type: 'integer', minimum: 0, description: 'Position in its stream, from 0' },
        globalPosition: { type: 'integer', minimum: 1, description: 'Position in the log, from 1' },
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
              description: 'Machine-readable; each code has its HTTP status',
              oneOf: Object.entries(errorStatuses).map(([code, status]) => ({ const: code, description: `${status}` })),
            },
            message: { type: 'string', description: 'What is wrong, and what to do' },
            details: {
              type: 'object',
              description: 'Machine-readable facts, depending on the code',
              additionalProperties: true,
            },
          },
        },
      },
    },
  },
  responses: {
    Error: {
      description: 'The format of every failure on every route',
      content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' }, example: refusalExample } },
    },
  },
};

/** Moves schemas with a title to the named schemas, and replaces them by references. */
export function nameSchemas(part: unknown, named: Record<string, unknown>): unknown {
  if (Array.isArray(part)) return part.map((element) => nameSchemas(element, named));
  if (typeof part !== 'object' || part === null) return part;
  const { title, ...rest } = part as Record<string, unknown>;
  const isNamed = typeof title === 'string' && rest.type === 'object';
  const kept = Object.entries(isNamed ? rest : part).map(([key, value]) => [key, nameSchemas(value, named)]);
  if (!isNamed) return Object.fromEntries(kept);
  named[title] ??= Object.fromEntries(kept);
  return { $ref: `#/components/schemas/${title}` };
}
