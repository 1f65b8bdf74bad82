import { Ajv } from 'ajv';
import type { FastifySchemaValidationError } from 'fastify';
import { type Static, type TObject, Type } from 'typebox';
import { invalid } from '../../errors.ts';
import { maxMembers } from '../../message/long-json.ts';
import { isObject, kindOf } from '../../message/new-message.ts';
import { checkName } from '../../message/stream-name.ts';
import { describeSchemaError } from '../plumbing/error-handler.ts';

const ajv = new Ajv({ strict: false });

/** An integer that JavaScript represents exactly; EventoDB accepts any sign. */
export const integer = Type.Optional(
  Type.Integer({ minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }),
);

/**
 * Returns a reader for an object argument. Null arguments and members count as missing, unknown members are ignored,
 * everything else must match the schema; throws `INVALID_REQUEST`.
 */
export function objectReader<T extends TObject>(field: string, schema: T): (given: unknown) => Static<T> {
  const fits = ajv.compile(schema);
  return (given) => {
    const object = given ?? {};
    if (!isObject(object)) throw invalid(field, `must be an object, got ${kindOf(object)}`);
    refuseManyMembers(field, object);
    const present = Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null));
    if (!fits(present)) throw describeSchemaError(fits.errors as FastifySchemaValidationError[]);
    return present as Static<T>;
  };
}

/** Throws `INVALID_REQUEST` if the object has an unreasonable number of members. */
export function refuseManyMembers(field: string, object: object): void {
  if (Object.keys(object).length > maxMembers) throw invalid(field, `must have at most ${maxMembers} members`);
}

/** A required text; throws `INVALID_REQUEST`. */
export function readText(field: string, given: unknown): string {
  if (typeof given !== 'string') throw invalid(field, `must be a string, got ${kindOf(given)}`);
  if (given === '') throw invalid(field, 'must not be empty');
  return given;
}

/** A required stream name; throws `INVALID_REQUEST`. */
export function readName(field: string, given: unknown): string {
  return checkName(field, readText(field, given));
}
