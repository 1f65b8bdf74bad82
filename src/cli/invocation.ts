import { ConfigError } from '../config-error.ts';
import { type CommandLine, quote } from '../flags.ts';
import { isSendable } from '../setting-formats.ts';
import type { Terminal } from './terminal.ts';

/** The server to which a command sends its requests. */
export type ServerAddress = {
  /** Ends with a slash, for paths below it. */
  readonly url: URL;
  /** Empty: none. */
  readonly token: string;
};

/** A parsed command line. The accessors validate values and throw {@link ConfigError}. */
export class Invocation {
  readonly words: readonly string[];
  readonly #flags: CommandLine['flags'];
  readonly #env: Terminal['env'];

  constructor({ flags, words }: CommandLine, env: Terminal['env']) {
    this.words = words;
    this.#flags = flags;
    this.#env = env;
  }

  isSet(flag: string): boolean {
    return this.#flags[flag] === true;
  }

  /** The value of a flag, or undefined. Throws {@link ConfigError} for an empty one. */
  text(flag: string): string | undefined {
    const value = this.#flags[flag];
    if (value === '') throw new ConfigError(`--${flag} cannot be empty.`);
    return value as string | undefined;
  }

  integer(flag: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
    const text = this.text(flag);
    if (text === undefined) return undefined;
    const value = /^-?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new ConfigError(`--${flag} cannot be ${quote(text)}. It is an integer from ${least} to ${most}.`);
  }

  get server(): ServerAddress {
    return { url: this.#url, token: this.#token };
  }

  get #url(): URL {
    const [source, text] = this.#given('url', 'http://localhost:8080');
    const url = URL.parse(text);
    if (url === null || !/^https?:$/.test(url.protocol)) {
      throw new ConfigError(`${source} must be a URL such as http://localhost:8080, got ${quote(text)}`);
    }
    // Behind a proxy the server may live below a path.
    if (!url.pathname.endsWith('/')) url.pathname += '/';
    return url;
  }

  get #token(): string {
    const [source, token] = this.#given('token', '');
    if (isSendable(token)) return token;
    throw new ConfigError(`${source} must be printable ASCII without spaces, because it is sent in a header.`);
  }

  #given(flag: 'url' | 'token', initial: string): [source: string, text: string] {
    const variable = `POKEWIRE_${flag.toUpperCase()}`;
    const text = this.#flags[flag] as string | undefined;
    return text === undefined ? [variable, this.#env[variable] || initial] : [`--${flag}`, text];
  }
}
