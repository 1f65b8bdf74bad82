import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { configText } from '../../src/cli/print-config.ts';
import { type Config, configSchema, flagOf, isSwitch, settingGroups } from '../../src/config.ts';
import { ConfigError } from '../../src/config-error.ts';
import { parseConfigFile } from '../../src/config-file.ts';
import { configPathOf, namedAsGiven, parseCommand } from '../../src/read-config.ts';

const names = Object.keys(configSchema.properties) as (keyof Config)[];
const file = (text: string) => parseConfigFile('pokewire.yaml', Buffer.from(text));

function commandOf(text: string, args: string[] = [], env: Record<string, string> = {}) {
  const command = parseCommand(args, env, file(text));
  if (command.run === 'help' || command.run === 'version') throw new Error(`runs ${command.run}`);
  return command;
}

function refusal(text: string, args: string[] = []): string {
  try {
    commandOf(text, args);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the file was taken');
}

function printed(text: string, args: string[] = [], env: Record<string, string> = {}): string {
  const { config, origins } = commandOf(text, args, env);
  return configText(config, origins);
}

describe('A configuration file', () => {
  test('sets the same settings as flags, by the same names without dashes.', () => {
    const text = 'port: 9000\ninsecure: true\nlog-level: warn\nauth: off\nstore: "sqlite:a.db"\n';
    expect(commandOf(text).config).toMatchObject({
      port: 9000,
      insecure: true,
      logLevel: 'warn',
      auth: 'off',
      store: 'sqlite:a.db',
    });
  });

  test('accepts a YAML list, a list like a flag’s, and an empty one.', () => {
    const origins = ['https://a.example', 'https://b.example'];
    expect(commandOf('cors-origins:\n  - https://a.example\n  - https://b.example').config.corsOrigins).toEqual(
      origins,
    );
    expect(commandOf('cors-origins: https://a.example, https://b.example').config.corsOrigins).toEqual(origins);
    expect(commandOf('subscribe-origins: []').config.subscribeOrigins).toEqual([]);
  });

  test.each(['', '\n', '# nothing yet\n', '---\n'])('may say nothing: %j.', (text) => {
    expect(commandOf(text).config).toEqual(commandOf('{}').config);
  });

  test('is overridden by variables, and these by flags.', () => {
    const env = { POKEWIRE_PORT: '2', POKEWIRE_DRAIN_MS: '2' };
    const { config, origins } = commandOf('port: 3\ndrain-ms: 3\nwindow-pokes: 64\n', ['--port', '1'], env);
    expect(config).toMatchObject({ port: 1, drainMs: 2, windowPokes: 64 });
    expect([origins.get('port'), origins.get('drainMs'), origins.get('windowPokes')]).toEqual([
      { place: '--port', called: '--port' },
      { place: 'POKEWIRE_DRAIN_MS', called: 'POKEWIRE_DRAIN_MS' },
      { place: 'pokewire.yaml:3', called: 'pokewire.yaml:3: window-pokes' },
    ]);
  });

  test.each(names)('accepts the key of %s.', (name) => {
    expect(refusal(`# one\n${flagOf(name)}: {}\n`)).toBe(
      `pokewire.yaml:2: ${flagOf(name)} must be a value or a list of values.`,
    );
  });
});

/** Values that anyone may mistype. */
const texts = ['', ' ', 'text', ' 1', '-1', '1.5', '1e3', '0x10', '1', '70000', ',', '*', 'off', '\u0000', 'a\nb'];

describe('A value in a file is judged as that of a flag', () => {
  const judge = (args: string[], text: string): Config | string => {
    try {
      return commandOf(text, args).config;
    } catch (error) {
      if (error instanceof ConfigError) return error.message;
      throw error;
    }
  };

  test.each(names.filter((name) => !isSwitch(name)))('for %s.', (name) => {
    const key = flagOf(name);
    for (const text of texts) {
      const byFlag = judge([`--${key}=${text}`], '');
      const byFile = judge([], `${key}: ${JSON.stringify(text)}`);
      const expected = typeof byFlag === 'string' ? byFlag.replaceAll(`--${key} `, `pokewire.yaml:1: ${key} `) : byFlag;
      expect(byFile).toEqual(expected);
    }
  });
});

describe('A refusal of a file names file, line and key', () => {
  test.each([
    [
      'port: 70000',
      'pokewire.yaml:1: port cannot be "70000". It is an integer from 0 to 65535. TCP port. 0: any free port.',
    ],
    ['\n\nport: 0x10', 'pokewire.yaml:3: port cannot be "0x10". It is'],
    ['heartbeat-ms: 1e3', 'pokewire.yaml:1: heartbeat-ms cannot be "1e3". It is'],
    ['port: [1, 2]', 'pokewire.yaml:1: port takes one value, not a list.'],
    ['token: [ns_secret]', 'pokewire.yaml:1: token takes one value, not a list.'],
    ['port:', 'pokewire.yaml:1: port has no value; leave the line out, or write "" for an empty one.'],
    [
      'cors-origins: [a.example]',
      'pokewire.yaml:1: cors-origins cannot be "a.example": it has "a.example", which is not an origin',
    ],
    ['cors-origins: [[a]]', 'pokewire.yaml:1: cors-origins must be a value or a list of values.'],
    [
      'port: 1\nprot: 2',
      'pokewire.yaml:2: unknown key "prot"; did you mean port? "pokewire help serve" lists the settings.',
    ],
    ['heartbeatMs: 2', 'pokewire.yaml:1: unknown key "heartbeatMs"; did you mean heartbeat-ms? "pokewire help serve"'],
    ['anything: 2', 'pokewire.yaml:1: unknown key "anything". "pokewire help serve" lists the settings.'],
    ['constructor: 2', 'pokewire.yaml:1: unknown key "constructor". '],
    ['port: 1\nport: 2', 'pokewire.yaml:2: not valid YAML: Map keys must be unique'],
    ['port: 1\nhost: "a', 'pokewire.yaml:2: not valid YAML: '],
    ['port: !secret 1', 'pokewire.yaml:1: not valid YAML: Unresolved tag: !secret'],
    ['- port', 'pokewire.yaml:1: settings are lines like "port: 8080".'],
    ['port', 'pokewire.yaml:1: settings are lines like "port: 8080".'],
    ['? [port]\n: 1', 'pokewire.yaml:1: unknown key ""'],
    ['port: 1\n---\nport: 2', 'pokewire.yaml:2: not valid YAML: '],
    ['port: &a 1\ndrain-ms: *a', 'pokewire.yaml:2: drain-ms must be a value or a list of values.'],
  ])('%j', (text, sentence) => {
    const refused = refusal(text);
    expect(refused.startsWith(sentence), refused).toBe(true);
    expect(refused).not.toMatch(/\n|secret\b.*secret/);
  });

  test('if it contradicts a flag, or another line.', () => {
    expect(refusal('retry-min-ms: 6000', ['--retry-max-ms', '10'])).toBe(
      'pokewire.yaml:1: retry-min-ms (6000) must not exceed --retry-max-ms (10).',
    );
  });

  test('if a part of the server refuses the value of the setting.', () => {
    const { origins } = commandOf('port: 0\ntoken: secret');
    expect(namedAsGiven('--token is malformed', origins)).toBe('pokewire.yaml:2: token is malformed');
  });

  test('if it is not UTF-8.', () => {
    expect(() => parseConfigFile('p.yaml', Buffer.from([0x70, 0xff]))).toThrow(new ConfigError('p.yaml is not UTF-8.'));
  });
});

describe('The name of a file', () => {
  test('is that of --config, else of POKEWIRE_CONFIG, else the default one.', () => {
    const env = { POKEWIRE_CONFIG: 'b.yaml' };
    expect(configPathOf(['--config', 'a.yaml'], env)).toBe('a.yaml');
    expect(configPathOf([], env)).toBe('b.yaml');
    expect(configPathOf([], { POKEWIRE_CONFIG: '' })).toBeUndefined();
    expect(configPathOf(['--config='], env)).toBe('');
  });

  test('is not looked up for help or the version.', () => {
    expect([configPathOf(['--help'], {}), configPathOf(['--version'], {})]).toEqual(['', '']);
  });
});

describe('The printed configuration', () => {
  test('has every setting once, by subject.', () => {
    expect(Object.values(settingGroups).flat().sort()).toEqual([...names].sort());
    expect(Object.keys(parse(printed(''))).sort()).toEqual(names.map(flagOf).sort());
  });

  test('is a file that gives the same settings again.', () => {
    const args = ['--cors-origins', 'https://a.example,https://b.example', '--insecure', '--log-level', 'warn'];
    const once = printed('port: 9000', args, { POKEWIRE_POOLING: 'off' });
    expect(commandOf(once).config).toEqual(commandOf('port: 9000', args, { POKEWIRE_POOLING: 'off' }).config);
  });

  test('shows the origin of each value.', () => {
    const text = printed('\nport: 9000', ['--drain-ms', '5'], { POKEWIRE_POOLING: 'off' });
    expect(text).toContain('port: 9000  # pokewire.yaml:2\n');
    expect(text).toContain('drain-ms: 5  # --drain-ms\n');
    expect(text).toContain('pooling: off  # POKEWIRE_POOLING\n');
    expect(text).toContain('host: localhost  # default\n');
  });

  test('contains no secret, neither a token nor a password in the URL of a store.', () => {
    const text = printed('metrics-token: s3cret\ntoken: s3cret\nstore: postgres://me:s3cret@db.example/events?lanes=2');
    expect(text).not.toContain('s3cret');
    expect(text).toContain('# token: set, but not shown  # pokewire.yaml:2\n');
    expect(text).toContain('store: postgres://me@db.example/events?lanes=2  # pokewire.yaml:3\n');
  });

  test.each([
    ['postgres://me:s3cret@a:1,b:2/events', 'postgres://me@a:1,b:2/events'],
    ['nats://me:s3cret@a:1,b:2/events', 'nats://me@a:1,b:2/events'],
    ['nats://s3cret@a:1,b:2', 'nats://a:1,b:2'],
  ])('has no secret of a store with several servers: %s.', (store, shown) => {
    const text = printed(`store: ${store}`);
    expect(text).not.toContain('s3cret');
    expect(text).toContain(`store: "${shown}"  #`);
  });
});
