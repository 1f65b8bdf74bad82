import type { FastifyRequest } from 'fastify';
import { invalid } from '../../errors.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** An empty query value counts as missing, as on EventoDB's `/subscribe`. */
    emptyIsAbsent?: boolean;
  }
}

type ObjectSchema = { readonly properties: Readonly<Record<string, { readonly type?: string }>> };

/**
 * Converts query texts to the types of the route's schema before validation. Ajv's own coercion would accept `0x10`,
 * `1e3` and ` 5` as integers, and drop or pass what the schema does not define.
 */
export function convertQuery(request: FastifyRequest): void {
  const query = request.query as Record<string, unknown>;
  if (isEmpty(query)) return;
  const { schema: schemas, config } = request.routeOptions;
  const schema = schemas?.querystring as ObjectSchema | undefined;
  if (schema === undefined) return;
  for (const [name, given] of Object.entries(query)) {
    // The credential (see authenticate.ts), accepted on every route.
    if (name === 'token') {
      delete query[name];
      continue;
    }
    if (!Object.hasOwn(schema.properties, name)) {
      throw invalid(
        name.slice(0, 64),
        `is not a query parameter here; known are ${Object.keys(schema.properties).join(', ')}`,
      );
    }
    const values = (Array.isArray(given) ? given : [given]) as string[];
    const kept = config.emptyIsAbsent ? values.filter((value) => value !== '') : values;
    const { type } = schema.properties[name]!;
    if (type === 'array') query[name] = kept;
    else if (kept.length > 1) throw invalid(name, 'must be given once');
    else if (kept.length === 1) query[name] = type === 'integer' ? integer(name, kept[0]!) : kept[0];
    if (kept.length === 0) delete query[name];
  }
}

function isEmpty(query: Record<string, unknown>): boolean {
  for (const _name in query) return false;
  return true;
}

function integer(name: string, text: string): number {
  const value = Number(text);
  if (!/^-?\d+$/.test(text)) throw invalid(name, `must be an integer, got "${text.slice(0, 64)}"`);
  if (!Number.isSafeInteger(value))
    throw invalid(name, `must be between -(2^53 - 1) and 2^53 - 1, got ${text.slice(0, 64)}`);
  return value;
}
