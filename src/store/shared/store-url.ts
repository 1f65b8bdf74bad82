import { ConfigError } from '../../config-error.ts';

/** The part of a URL before the servers, the servers, and the rest. */
const parts = /^([^/]*\/\/(?:[^@/?#]*@)?)([^/?#]*)(.*)$/s;

/** Parses `--store` URLs of one engine. Errors describe the expected form and never repeat the URL, which may contain a password. */
export class StoreUrlReader {
  readonly #form: string;

  /** `form`: the expected form of the URL, for error texts. */
  constructor(form: string) {
    this.#form = form;
  }

  parse(url: string): URL {
    const parsed = URL.parse(url);
    if (parsed === null) throw this.refusal('it is no URL');
    return parsed;
  }

  /** One URL for each of the servers, which are separated by commas. `URL` does not accept a list. */
  parseEach(url: string): URL[] {
    const [, before = '', list = '', after = ''] = parts.exec(url) ?? [];
    // Part of a password that is not escaped, or a second password. It would be treated as a server or a parameter, and
    // displayed.
    if (list.includes('@') || after.includes('@')) {
      throw this.refusal(
        'only user and password end with @, once before all servers; write another as %40, / as %2F, ? as %3F',
      );
    }
    return list.split(',').map((server) => this.parse(`${before}${server}${after}`));
  }

  /** Decodes the percent escapes of a URL part. */
  decode(part: string): string {
    try {
      return decodeURIComponent(part);
    } catch {
      throw this.refusal('a percent sign must start an escape of two digits');
    }
  }

  /** The query parameters, with defaults for missing ones. Unknown parameters are refused. */
  parameters<Defaults extends Readonly<Record<string, string>>>(
    { searchParams }: URL,
    defaults: Defaults,
  ): Record<keyof Defaults, string> {
    const found: Record<string, string> = { ...defaults };
    for (const [name, value] of searchParams) {
      if (!Object.hasOwn(defaults, name)) throw this.refusal(`it has no parameter ${name}`);
      found[name] = value;
    }
    return found as Record<keyof Defaults, string>;
  }

  refusal(problem: string): ConfigError {
    return new ConfigError(`--store must be ${this.#form}: ${problem}`);
  }
}
