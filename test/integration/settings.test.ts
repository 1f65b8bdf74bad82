import { type TSchema, Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import { type Config, configSchema, flagOf, variableOf } from '../../src/config.ts';
import { ConfigError } from '../../src/config-error.ts';
import { parseCommand } from '../../src/read-config.ts';
import { startTestApp } from '../support/start-app.ts';

const names = Object.keys(configSchema.properties) as (keyof Config)[];

/** Values that are easy to mistype. */
const texts = [
  '',
  ' ',
  'text',
  'two words',
  ' 1',
  '1 ',
  '-1',
  '1.5',
  '1e3',
  '0x10',
  ',',
  '*',
  'true',
  '\u0000',
  '\n',
  'x'.repeat(10_000),
];

/** A setting that is accepted only together with others. */
const company: Partial<Record<keyof Config, string[]>> = {
  retryMinMs: ['--retry-max-ms=86400000'],
  pokePoolMin: ['--poke-pool-max=1000000'],
  bufferPoolMin: ['--buffer-pool-max=10000'],
  maxSubscriptionsPerNamespace: ['--max-subscriptions=1000000'],
  maxSubscriptionsPerAddress: ['--max-subscriptions=1000000'],
  maxTransfersPerNamespace: ['--max-transfers=10000'],
};

function valuesOf(name: keyof Config): string[] {
  const schema: TSchema = configSchema.properties[name];
  const { minimum, maximum } = schema as { minimum?: number; maximum?: number };
  if (minimum === undefined || maximum === undefined) return texts;
  return [...texts, minimum, maximum, minimum - 1, maximum + 1, '9'.repeat(40)].map(String);
}

/** The settings of a start, or the sentence that refuses it. Anything else is a fault. */
function judge(args: string[], env: Record<string, string>): Config | string {
  try {
    const command = parseCommand(args, env);
    return command.run === 'serve' ? command.config : command.run;
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
}

/** Starts, or names the invalid setting in a sentence. */
async function start(flags: readonly string[]): Promise<number | string> {
  try {
    await using app = await startTestApp(flags);
    return (await app.get('/health')).status;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Flags that can be listened on here; all addresses of a host or a port are those of the machine. */
const listens = (name: keyof Config) => name !== 'port' && name !== 'host';

describe.each(names)('The setting %s', (name) => {
  const flag = `--${flagOf(name)}`;
  const isSwitch = Type.IsBoolean(configSchema.properties[name]);
  const more = company[name] ?? [];
  const refusal = new RegExp(`^(${flag}|${variableOf(name)})\\b[^\\n]{1,500}$`);

  test('is either valid or refused in one line that names it, whatever its value', async () => {
    const served: string[][] = [];
    for (const value of valuesOf(name)) {
      const byVariable = judge(more, { [variableOf(name)]: value });
      if (typeof byVariable === 'string') expect(byVariable).toMatch(refusal);
      if (isSwitch) continue;
      const args = [...more, `${flag}=${value}`];
      const byFlag = judge(args, {});
      if (typeof byFlag === 'string') expect(byFlag).toMatch(refusal);
      else served.push(args);
      if (value !== '') expect(typeof byFlag).toBe(typeof byVariable);
    }
    if (isSwitch) served.push([...more, flag]);
    for (const flags of listens(name) ? served : []) {
      const outcome = await start(flags);
      if (typeof outcome === 'string') expect(outcome).toMatch(refusal);
      else expect(outcome).toBe(200);
    }
  });
});
