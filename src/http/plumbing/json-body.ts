import { isUtf8 } from 'node:buffer';
import type { Static, TObject } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { invalid } from '../../errors.ts';
import { type Outline, parseOutlineInTurns } from '../../message/long-json.ts';
import { schemaProblem } from './schema-problem.ts';

/** Parses a body as far as the outline goes; throws `INVALID_REQUEST`. `what`: the expected content, for the error about a missing body. */
export async function parseJsonBody(body: Buffer | undefined, outline: Outline, what: string): Promise<unknown> {
  if (body === undefined || body.length === 0) throw invalid('body', `is missing: send ${what}`);
  if (!isUtf8(body)) throw invalid('body', 'must be UTF-8 text');
  try {
    return await parseOutlineInTurns(body.toString(), outline);
  } catch {
    throw invalid('body', 'must be JSON');
  }
}

/**
 * Validating without compiled code took a third of the cost of idle groups' heartbeats (profile of load: group-idle).
 */
const validators = new WeakMap<TObject, Validator>();

/** Returns the parsed value if it matches the schema; throws `INVALID_REQUEST`. */
export function fitBody<T extends TObject>(schema: T, parsed: unknown): Static<T> {
  const validator = validators.getOrInsertComputed(schema, () => Compile(schema));
  const [problem] = validator.Errors(parsed);
  if (problem === undefined) return parsed as Static<T>;
  const field = problem.instancePath.slice(1).replaceAll('/', '.').slice(0, 64) || 'body';
  throw invalid(field, `${schemaProblem(problem)}; known are ${Object.keys(schema.properties).join(', ')}`);
}
