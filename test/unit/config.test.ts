import { describe, expect, test } from 'vitest';
import { type Config, configSchema, flagOf, variableOf } from '../../src/config.ts';
import { ConfigError } from '../../src/config-error.ts';
import { parseCommand } from '../../src/read-config.ts';

const names = Object.keys(configSchema.properties) as (keyof Config)[];

function configOf(args: string[] = [], env: Record<string, string> = {}): Config {
  const command = parseCommand(args, env);
  if (command.run !== 'serve') throw new Error(`runs ${command.run}`);
  return command.config;
}

function refusal(args: string[], env: Record<string, string> = {}): string {
  try {
    parseCommand(args, env);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the settings were taken');
}

describe('the settings', () => {
  test('have these defaults', () => {
    expect(configOf()).toEqual({
      port: 8080,
      host: 'localhost',
      insecure: false,
      auth: 'off',
      token: '',
      testMode: false,
      metricsToken: '',
      logLevel: 'info',
      corsOrigins: [],
      subscribeOrigins: ['*'],
      allowedHosts: [],
      bodyLimitBytes: 1_048_576,
      importLimitBytes: 68_719_476_736,
      headerLimitBytes: 16_384,
      requestTimeoutMs: 30_000,
      trustedProxies: [],
      store: 'memory:',
      storeMaxBytes: 1_073_741_824,
      storeMaxBytesPerNamespace: 0,
      retentionMaxAgeMs: 0,
      retentionMaxMessages: 0,
      retentionMaxBytes: 0,
      maxNamespaces: 10_000,
      maxSubscriptions: 15_000,
      maxSubscriptionsPerNamespace: 0,
      maxSubscriptionsPerAddress: 0,
      maxSelectors: 100,
      maxEventLoopDelayMs: 500,
      maxMemoryPercent: 90,
      maxAppendsPerSecond: 0,
      maxTransfers: 32,
      maxTransfersPerNamespace: 8,
      maxReads: 256,
      maxReadsPerNamespace: 128,
      safetyReadMs: 1_000,
      windowPokes: 16_384,
      heartbeatMs: 4_000,
      stallTimeoutMs: 60_000,
      retryMinMs: 2_000,
      retryMaxMs: 5_000,
      drainMs: 0,
      pooling: 'on',
      pokePoolMin: 256,
      pokePoolMax: 16_384,
      bufferPoolMin: 2,
      bufferPoolMax: 64,
    });
  });

  test('cannot be changed afterwards', () => {
    expect(Object.isFrozen(configOf())).toBe(true);
  });

  test('do not expose the arrays of the schema', () => {
    expect(configOf().subscribeOrigins).not.toBe(configOf().subscribeOrigins);
  });

  test('are read from flags', () => {
    const config = configOf(['--port', '9000', '--log-level=warn', '--insecure', '--pooling', 'off']);
    expect(config).toMatchObject({ port: 9000, logLevel: 'warn', insecure: true, pooling: 'off' });
  });

  test('are read from variables', () => {
    const config = configOf([], { POKEWIRE_PORT: '9000', POKEWIRE_DRAIN_MS: '5', POKEWIRE_INSECURE: 'true' });
    expect(config).toMatchObject({ port: 9000, drainMs: 5, insecure: true });
  });

  test('that contradict each other are named as they were given', () => {
    const variables = { POKEWIRE_POKE_POOL_MIN: '9', POKEWIRE_POKE_POOL_MAX: '8' };
    expect(refusal([], variables)).toBe('POKEWIRE_POKE_POOL_MIN (9) must not exceed POKEWIRE_POKE_POOL_MAX (8).');
    expect(refusal(['--poke-pool-max', '7'], variables)).toBe(
      'POKEWIRE_POKE_POOL_MIN (9) must not exceed --poke-pool-max (7).',
    );
    expect(refusal([], { POKEWIRE_STORE_MAX_BYTES: '1' })).toMatch(/^POKEWIRE_STORE_MAX_BYTES must be 0 or/);
    expect(refusal([], { POKEWIRE_HOST: '0.0.0.0' })).toMatch(/^POKEWIRE_HOST 0\.0\.0\.0 can be reached/);
  });

  test('are taken from flags if a variable differs', () => {
    expect(configOf(['--port', '1'], { POKEWIRE_PORT: '2' }).port).toBe(1);
  });

  test('do not depend on variables of other programs', () => {
    expect(configOf([], { PORT: '1', POKEWIREPORT: '2' }).port).toBe(8080);
  });

  test.each([
    ['true', true],
    ['1', true],
    ['false', false],
    ['0', false],
  ])('take the variable text %j for %j', (text, value) => {
    expect(configOf([], { POKEWIRE_INSECURE: text }).insecure).toBe(value);
  });

  test.each([
    ['https://a.example', ['https://a.example']],
    ['https://a.example, https://b.example', ['https://a.example', 'https://b.example']],
    ['*', ['*']],
    ['', []],
  ])('take %j for a list of origins', (text, origins) => {
    expect(configOf(['--cors-origins', text]).corsOrigins).toEqual(origins);
  });

  test('accept the bounds of a range', () => {
    expect(configOf(['--port', '65535', '--heartbeat-ms', '0', '--body-limit-bytes', '1024'])).toMatchObject({
      port: 65_535,
      heartbeatMs: 0,
      bodyLimitBytes: 1_024,
    });
  });

  test('accept the same reconnection time for both bounds', () => {
    expect(configOf(['--retry-min-ms', '10', '--retry-max-ms', '10'])).toMatchObject({
      retryMinMs: 10,
      retryMaxMs: 10,
    });
  });
});

describe('a variable that is empty', () => {
  test.each(
    names.filter(
      (name) => !['token', 'metricsToken', 'corsOrigins', 'subscribeOrigins', 'trustedProxies'].includes(name),
    ),
  )('counts as not set: %s', (name) => {
    expect(configOf([], { [variableOf(name)]: '' })).toEqual(configOf());
  });

  test('has the meaning that its description defines, if any', () => {
    expect(configOf([], { POKEWIRE_SUBSCRIBE_ORIGINS: '', POKEWIRE_TOKEN: '' })).toMatchObject({
      subscribeOrigins: [],
      token: '',
    });
  });
});

describe('a default', () => {
  test.each([
    ['poke-pool', 'pokePool'],
    ['buffer-pool', 'bufferPool'],
  ])('of a lower bound gives way to the upper one: %s', (flag, name) => {
    expect(configOf([`--${flag}-max`, '0'])).toMatchObject({ [`${name}Min`]: 0, [`${name}Max`]: 0 });
  });

  test('of a share is lowered to the whole, and a whole without a limit permits any share', () => {
    expect(configOf(['--max-transfers', '2']).maxTransfersPerNamespace).toBe(2);
    expect(configOf(['--max-reads', '2']).maxReadsPerNamespace).toBe(2);
    expect(configOf(['--max-transfers', '0', '--max-transfers-per-namespace', '50'])).toMatchObject({
      maxTransfers: 0,
      maxTransfersPerNamespace: 50,
    });
  });
});

describe('the names of a setting', () => {
  test('are a flag and a variable', () => {
    expect([flagOf('stallTimeoutMs'), variableOf('stallTimeoutMs')]).toEqual([
      'stall-timeout-ms',
      'POKEWIRE_STALL_TIMEOUT_MS',
    ]);
  });
});

describe('a refusal names its setting', () => {
  const texts: Partial<Record<keyof Config, string[]>> = {
    port: ['', '-1', '65536', '1.5', '1e3', '0x10', ' 1', 'http', '99999999999999999999'],
    host: ['', ' ', 'a b', 'localhost:8080', 'http://localhost', '[::1]', 'x'.repeat(64), '-a'],
    auth: ['', 'on'],
    logLevel: ['', 'verbose', 'INFO'],
    corsOrigins: [
      ',',
      'https://a.example,',
      ' ',
      'a.example',
      'https://a.example/',
      'https://a.example:443',
      'null',
      'file://',
      '*,https://a.example',
    ],
    subscribeOrigins: [',', 'https://a.example/path', 'HTTPS://A.example'],
    bodyLimitBytes: ['0', '1023', '1073741825', '1MB'],
    importLimitBytes: ['-1', '9007199254740992', '1GB'],
    store: [''],
    storeMaxBytes: ['-1', '9007199254740992', 'x'],
    storeMaxBytesPerNamespace: ['-1', '9007199254740992'],
    retentionMaxAgeMs: ['-1', '7d'],
    retentionMaxMessages: ['-1', '9007199254740992'],
    retentionMaxBytes: ['-1', '1e6'],
    maxNamespaces: ['0', '1000001', 'all'],
    headerLimitBytes: ['1023', '1048577'],
    requestTimeoutMs: ['-1', '86400001'],
    trustedProxies: [
      ',',
      'proxy.example',
      '10.0.0.0/x',
      '10.0.0.0/33',
      '10.0.0.0/0',
      '::1/129',
      '10.0.0',
      'fe80::1%lo',
      '1.2.3.4:80',
    ],
    allowedHosts: [
      ',',
      'http://pokes.example',
      'pokes.example:8080',
      'pokes.example/path',
      '*.',
      'pokes.*',
      '::1',
      '[pokes.example]',
      '*,pokes.example',
      'a b',
    ],
    maxSubscriptions: ['0', '1000001'],
    maxSubscriptionsPerNamespace: ['-1', '1000001'],
    maxSubscriptionsPerAddress: ['-1', '1000001'],
    maxSelectors: ['0', '10001'],
    maxEventLoopDelayMs: ['-1', '86400001'],
    maxMemoryPercent: ['-1', '101', '90%'],
    maxAppendsPerSecond: ['-1', '1000001'],
    maxTransfers: ['-1', '10001'],
    maxTransfersPerNamespace: ['-1', '10001'],
    maxReads: ['-1', '100001'],
    maxReadsPerNamespace: ['-1', '100001'],
    safetyReadMs: ['99', '60001'],
    windowPokes: ['63', '1048577'],
    heartbeatMs: ['-1', '86400001', '15s'],
    stallTimeoutMs: ['-1', '86400001'],
    retryMinMs: ['-1', '86400001'],
    retryMaxMs: ['-1', '86400001'],
    drainMs: ['-1', '86400001'],
    pooling: ['', 'yes', 'ON'],
    pokePoolMin: ['-1', '1000001'],
    pokePoolMax: ['-1', '1000001'],
    bufferPoolMin: ['-1', '10001'],
    bufferPoolMax: ['-1', '10001'],
  };
  const cases = Object.entries(texts).flatMap(([name, given]) => given.map((text) => [name, text] as const));

  test.each(cases)('when the flag of %s is %j', (name, text) => {
    expect(refusal([`--${flagOf(name)}=${text}`])).toContain(`--${flagOf(name)} cannot be "${text}"`);
  });

  // An empty variable counts as not set.
  const set = cases.filter(([, text]) => text !== '');
  test.each(set)('when the variable of %s is %j', (name, text) => {
    expect(refusal([], { [variableOf(name)]: text })).toContain(`${variableOf(name)} cannot be "${text}"`);
  });

  test.each([' ', 'yes', 'TRUE', '2', 'constructor', '__proto__'])('when the variable of insecure is %j', (text) => {
    expect(refusal([], { POKEWIRE_INSECURE: text })).toContain(`POKEWIRE_INSECURE cannot be "${text}"`);
  });

  test('and covers every setting here', () => {
    // Switches have their own test. Tokens are checked when the namespaces are opened, so that no message repeats one.
    const others = ['insecure', 'testMode', 'token', 'metricsToken'];
    expect([...Object.keys(texts), ...others].sort()).toEqual([...names].sort());
  });

  test('and names the range of an integer', () => {
    expect(refusal(['--port', 'x'])).toBe(
      '--port cannot be "x". It is an integer from 0 to 65535. TCP port. 0: any free port.',
    );
  });

  test('when the minimum reconnection time exceeds the maximum', () => {
    expect(refusal(['--retry-min-ms', '6000'])).toBe('--retry-min-ms (6000) must not exceed --retry-max-ms (5000).');
  });

  test.each(['--store-max-bytes', '--store-max-bytes-per-namespace'])(
    'when %s has no space for a namespace with a message',
    (flag) => {
      expect(refusal([flag, '1'])).toBe(
        `${flag} must be 0 or at least 65536: a namespace with one message needs some of it.`,
      );
      expect(configOf([flag, '65536'])).toBeDefined();
    },
  );

  test('when the share of a namespace exceeds the whole store', () => {
    const share = ['--store-max-bytes-per-namespace', '100000'];
    expect(refusal(['--store-max-bytes', '99999', ...share])).toBe(
      '--store-max-bytes-per-namespace (100000) must not exceed --store-max-bytes (99999).',
    );
    for (const all of ['100000', '0']) expect(configOf(['--store-max-bytes', all, ...share])).toBeDefined();
  });

  test('when a flag is unknown', () => {
    expect(refusal(['--prot', '1'])).toBe(
      `Unknown option '--prot'; did you mean --port? "pokewire help serve" lists the flags.`,
    );
  });

  test.each([
    ['lacks its value', ['--port'], '--port needs a value'],
    ['is followed by a flag and not by its value', ['--host', '--insecure'], '--host needs a value'],
    ['takes no value', ['--insecure=false'], '--insecure takes no value'],
    ['is given twice', ['--port', '1', '--port', '2'], '--port is given twice'],
    ['is given twice as a switch', ['--insecure', '--insecure'], '--insecure is given twice'],
    ['has one dash', ['-p'], "Unknown option '-p'"],
    ['is a property that every object has', ['--constructor'], "Unknown option '--constructor'"],
  ])('when a flag %s', (_how, args, sentence) => {
    expect(refusal(args)).toBe(`${sentence}; "pokewire help serve" lists the flags.`);
  });

  test.each([
    [
      ['--poke-pool-min', '100', '--poke-pool-max', '10'],
      '--poke-pool-min (100) must not exceed --poke-pool-max (10).',
    ],
    [['--buffer-pool-min', '65'], '--buffer-pool-min (65) must not exceed --buffer-pool-max (64).'],
    [
      ['--max-subscriptions', '5', '--max-subscriptions-per-namespace', '6'],
      '--max-subscriptions-per-namespace (6) must not exceed --max-subscriptions (5).',
    ],
    [
      ['--max-subscriptions-per-address', '15001'],
      '--max-subscriptions-per-address (15001) must not exceed --max-subscriptions (15000).',
    ],
    [
      ['--max-transfers-per-namespace', '33'],
      '--max-transfers-per-namespace (33) must not exceed --max-transfers (32).',
    ],
    [
      ['--test-mode', '--auth', 'token'],
      '--test-mode turns authentication off, and --auth token turns it on: remove one of them.',
    ],
  ])('and the one that it contradicts: %j', (args, sentence) => {
    expect(refusal(args)).toBe(sentence);
  });

  test('on one short line, whatever the value is', () => {
    const sentence = refusal([`--port=1\n\u001b[31m\u009b${'9'.repeat(10_000)}`]);
    expect(sentence).toMatch(/^[\x20-\x7e\uFFFD…]{1,400}$/);
  });

  test('but not a secret', () => {
    expect(refusal(['--metrics-token', 'my secret'])).toBe(
      '--metrics-token must be printable ASCII without spaces, because it is sent in a header.',
    );
  });

  test('when an argument is not a flag', () => {
    expect(refusal(['9000'])).toContain('9000');
  });

  test('when a variable is unknown', () => {
    expect(refusal([], { POKEWIRE_PROT: '1' })).toBe(
      'Unknown variable POKEWIRE_PROT; did you mean POKEWIRE_PORT? "pokewire help serve" lists the settings.',
    );
    expect(refusal([], { POKEWIRE_SERVICE_HOST: '1' })).toBe(
      'Unknown variable POKEWIRE_SERVICE_HOST. "pokewire help serve" lists the settings.',
    );
  });
});

describe('an address that other machines reach', () => {
  test.each(['0.0.0.0', '::', '192.168.1.2', 'example.com', '127.0.0.1.example.com', '::ffff:127.0.0.1'])(
    'is refused without --insecure: %s',
    (host) => {
      expect(refusal(['--host', host])).toMatch(new RegExp(`^--host ${host} can be reached .*--insecure`));
    },
  );

  test.each(['0.0.0.0', '::', '192.168.1.2'])('is taken with --insecure: %s', (host) => {
    expect(configOf(['--host', host, '--insecure']).host).toBe(host);
  });

  test.each(['localhost', '127.0.0.1', '127.1.2.3', '::1'])('is not %s', (host) => {
    expect(configOf(['--host', host]).host).toBe(host);
  });
});

describe('help', () => {
  test('is requested by --help, whatever the variables', () => {
    expect(parseCommand(['--help'], { POKEWIRE_PROT: '1' })).toEqual({ run: 'help' });
  });

  test('is not the version, which --version requests', () => {
    expect(parseCommand(['--version'], {})).toEqual({ run: 'version' });
  });
});
