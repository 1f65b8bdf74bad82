import { ConfigError } from '../../config-error.ts';

/** Reads URLs of `--store` of one engine. Its refusals say what the URL must be, and never repeat it: it may hold a password. */
export class StoreUrlReader {
  readonly #form: string;

  /** `form`: what a URL must be, for people. */
  constructor(form: string) {
    this.#form = form;
  }

  parse(url: string): URL {
    const parsed = URL.parse(url);
    if (parsed === null) throw this.refusal('it is no URL');
    return parsed;
  }

  /** The text of a part with its escapes resolved. */
  decode(part: string): string {
    try {
      return decodeURIComponent(part);
    } catch {
      throw this.refusal('a percent sign must begin an escape of two digits');
    }
  }

  /** The parameters, with the defaults of those that are not given; there may be no others. */
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
