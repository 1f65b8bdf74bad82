import { type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { type Config, configSchema, notesOf } from './config.ts';
import { ConfigError } from './config-error.ts';
import { quote } from './flags.ts';
import { isSendable, judgeAllowedHost, judgeHost, judgeOrigin, judgeProxy } from './setting-formats.ts';

/** A value as given: text, true for a switch on the command line, or a list in a file. */
export type GivenValue = string | true | readonly string[];

/** Checks beyond the schema, applied to each element of a list. */
const judges = {
  host: judgeHost,
  corsOrigins: judgeOrigin,
  subscribeOrigins: judgeOrigin,
  trustedProxies: judgeProxy,
  allowedHosts: judgeAllowedHost,
} as const;

/** Converts and checks the value of a setting. Throws {@link ConfigError}, which names it as `called`. */
export function checkSetting(called: string, name: keyof Config, given: GivenValue): unknown {
  const schema: TSchema = configSchema.properties[name];
  if (Array.isArray(given) && !Type.IsArray(schema)) throw new ConfigError(`${called} takes one value, not a list.`);
  const value = convert(schema, given);
  // Does not repeat the value, which is a secret.
  if (name === 'metricsToken' && !isSendable(String(value))) {
    throw new ConfigError(`${called} must be printable ASCII without spaces, because it is sent in a header.`);
  }
  const refuse = (reason: string): never => {
    throw new ConfigError(`${called} cannot be ${quote(String(given))}${reason}`);
  };
  const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
  const range = minimum === undefined ? '' : ` It is an integer from ${minimum} to ${maximum}.`;
  if (!Value.Check(schema, value)) refuse(`.${range} ${notesOf(name).description}`);
  if (Array.isArray(value) && value.length > 1 && value.includes('*')) refuse(': `*` stands alone.');
  const judge = name in judges ? judges[name as keyof typeof judges] : () => undefined;
  const problem = [value]
    .flat()
    .map(String)
    .map(judge)
    .find((found) => found !== undefined);
  if (problem !== undefined) refuse(`: it ${problem}.`);
  return value;
}

export function defaultOf(name: keyof Config): unknown {
  return Value.Default(configSchema.properties[name], undefined);
}

function convert(schema: TSchema, given: GivenValue): unknown {
  if (typeof given !== 'string') return given;
  if (Type.IsBoolean(schema)) return { true: true, '1': true, false: false, '0': false }[given];
  if (Type.IsArray(schema)) return given === '' ? [] : given.split(',').map((part) => part.trim());
  // Number() would also accept '', ' 1', '0x10' and '1e3'.
  if (Type.IsInteger(schema)) return /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  return given;
}
