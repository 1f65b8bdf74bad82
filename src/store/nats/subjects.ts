import type { LogId } from '../log-id.ts';

/** Characters that a token must not contain, and the escape character. The server accepts all others, including UTF-8. */
const reserved = /[.*>%\s]/gu;

/** Tokens for an empty category or id, and for a stream without a hyphen; no escape looks like them. */
const emptyToken = '%e';
const noIdToken = '%0';

/** Names of the JetStream stream and the subjects of one log. */
export class LogNames {
  /** Name of its JetStream stream. */
  readonly stream: string;
  /** Prefix of all its subjects. */
  readonly #start: string;

  constructor(prefix: string, log: LogId) {
    this.stream = streamOf(prefix, log);
    this.#start = `${prefix}.${log}.`;
  }

  /** Pattern of every message of the log. */
  get everything(): string {
    return `${this.#start}>`;
  }

  /** Subject of a stream: always two tokens, category and id, after those of the log. */
  subject(stream: string): string {
    const hyphen = stream.indexOf('-');
    if (hyphen === -1) return `${this.#start}${encodeToken(stream)}.${noIdToken}`;
    return `${this.#start}${encodeToken(stream.slice(0, hyphen))}.${encodeToken(stream.slice(hyphen + 1))}`;
  }

  /** Pattern of every stream of a category. */
  category(category: string): string {
    return `${this.#start}${encodeToken(category)}.*`;
  }

  /** Name of the stream with this subject. */
  streamOf(subject: string): string {
    const dot = subject.lastIndexOf('.');
    const category = decodeToken(subject.slice(this.#start.length, dot));
    const id = subject.slice(dot + 1);
    return id === noIdToken ? category : `${category}-${decodeToken(id)}`;
  }

  /** A subject that belongs to no stream. */
  get scratch(): string {
    return `${this.#start}%.%`;
  }
}

/** Name of the JetStream stream of a log. */
export function streamOf(prefix: string, log: LogId): string {
  return `${prefix}-${log}`;
}

export function encodeToken(text: string): string {
  if (text === '') return emptyToken;
  return text.replace(reserved, (sign) => {
    let escaped = '';
    for (const byte of Buffer.from(sign)) escaped += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
    return escaped;
  });
}

function decodeToken(token: string): string {
  if (!token.includes('%')) return token;
  if (token === emptyToken) return '';
  try {
    return decodeURIComponent(token);
  } catch {
    // Not written by Pokewire. The client stops reading its connection when the callback of a delivery throws.
    return token;
  }
}
