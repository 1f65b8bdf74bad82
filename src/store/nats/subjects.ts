import type { LogId } from '../log-id.ts';

/** What a token of a subject may not hold, and the sign of the escape. The server reads the rest as it is, also UTF-8. */
const reserved = /[.*>%\s]/gu;

/** Stands for an empty category or id, and for a stream without a hyphen; no escape looks like them. */
const emptyToken = '%e';
const noIdToken = '%0';

/** Names of what belongs to one log in JetStream. */
export class LogNames {
  /** Its stream of JetStream. */
  readonly stream: string;
  /** What all of its subjects begin with. */
  readonly #start: string;

  constructor(prefix: string, log: LogId) {
    this.stream = streamOf(prefix, log);
    this.#start = `${prefix}.${log}.`;
  }

  /** Every message of the log. */
  get everything(): string {
    return `${this.#start}>`;
  }

  /** Subject of a stream: always two tokens, category and id, behind those of the log. */
  subject(stream: string): string {
    const hyphen = stream.indexOf('-');
    if (hyphen === -1) return `${this.#start}${encodeToken(stream)}.${noIdToken}`;
    return `${this.#start}${encodeToken(stream.slice(0, hyphen))}.${encodeToken(stream.slice(hyphen + 1))}`;
  }

  /** Every stream of a category. */
  category(category: string): string {
    return `${this.#start}${encodeToken(category)}.*`;
  }

  /** The stream whose subject this is. */
  streamOf(subject: string): string {
    const dot = subject.lastIndexOf('.');
    const category = decodeToken(subject.slice(this.#start.length, dot));
    const id = subject.slice(dot + 1);
    return id === noIdToken ? category : `${category}-${decodeToken(id)}`;
  }

  /** A subject that no stream has. */
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
  return token === emptyToken ? '' : decodeURIComponent(token);
}
