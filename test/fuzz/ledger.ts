import type { Random } from '../support/random.ts';
import { sharedId } from './bodies.ts';
import { type FuzzRequest, requestOf } from './framing.ts';
import type { HttpResponse } from './responses.ts';
import { jsonValue, mutate, uuid } from './values.ts';

/** An append whose answer is compared with the log. */
export type Audited = {
  readonly request: FuzzRequest;
  readonly stream: string;
  /** JSON texts of data, one per message; undefined: the body was changed, so only the answer shows its content. */
  readonly sent: readonly string[] | undefined;
};

type Entry = { readonly globalPosition: number | undefined; readonly data: string | undefined };
type Accepted = {
  readonly stream?: string;
  readonly position: number;
  readonly globalPosition: number;
  readonly count?: number;
};

const json = ['Content-Type', 'application/json'] as const;

/** An append by either route: valid, changed, conflicting, a retry, or a duplicate. */
export function auditedAppend(random: Random, token: string): Audited {
  const stream = `audit${random.int(0, 5)}-${random.int(0, 15)}`;
  const isRpc = random.chance(0.3);
  const messages = random.times(1, isRpc || random.chance(0.6) ? 1 : 5, () => message(random));
  const isChanged = random.chance(0.15);
  const expected = random.chance(0.2) ? random.int(-1, 40) : undefined;
  const text = messages.length === 1 ? messages[0]!.text : `[${messages.map((one) => one.text).join(',')}]`;
  const given = isChanged ? (random.chance(0.5) ? mutate(random, Buffer.from(text)) : jsonValue(random)) : text;
  const options = `{${expected === undefined ? '' : `"expectedVersion":${expected}`}}`;
  const body = isRpc
    ? Buffer.concat([`["stream.write","${stream}",`, given, `,${options}]`].map((part) => Buffer.from(part as string)))
    : Buffer.from(given as string);
  const target = isRpc
    ? '/rpc'
    : `/streams/${stream}/messages${expected === undefined ? '' : `?expectedVersion=${expected}`}`;
  const headers = [json, ['Authorization', `Bearer ${token}`]] as const;
  const request = requestOf(random, { method: 'POST', target, headers, body, route: undefined });
  return { request, stream, sent: isChanged ? undefined : messages.map(({ data }) => data) };
}

function message(random: Random): { text: string; data: string } {
  if (random.chance(0.2)) {
    const id = sharedId(random);
    // The same data with the same id is a retry; sometimes the data differs, which is a conflict.
    const data = random.chance(0.9) ? `{"known":"${id}"}` : '{"known":false}';
    return { text: `{"id":"${id}","type":"Known","data":${data}}`, data };
  }
  const data = `{"n":${random.int(0, 1e9)},"exact":12345678901234567890.10,"-0":-0,"a":[1.0,"\\u0041é"],"a":1E+2}`;
  const id = random.chance(0.5) ? `"id":"${uuid(random)}",` : '';
  return { text: `{${id}"type":"Audited","data":${data},"metadata":null}`, data };
}

/** Collects the answers to appends, to compare them with the log. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();

  get size(): number {
    return this.#entries.size;
  }

  /** Records the messages stored according to an answer. */
  note({ stream, sent }: Pick<Audited, 'stream' | 'sent'>, { status, body }: HttpResponse): void {
    if (status >= 300) return;
    const accepted = JSON.parse(body.toString()) as Accepted;
    const { position, globalPosition, count = 1 } = accepted;
    if (accepted.stream !== undefined && accepted.stream !== stream) throw new Error(`stored in ${accepted.stream}`);
    if (sent !== undefined && sent.length !== count) throw new Error(`${sent.length} were sent, ${count} stored`);
    for (let at = 0; at < count; at++) {
      const isLast = at === count - 1;
      const key = keyOf(stream, position - count + 1 + at);
      const known = this.#entries.get(key);
      if (isLast && known?.globalPosition !== undefined && known.globalPosition !== globalPosition) {
        throw new Error(`${key} is at ${known.globalPosition} and at ${globalPosition}`);
      }
      this.#entries.set(key, {
        globalPosition: isLast ? globalPosition : known?.globalPosition,
        data: sent?.[at] ?? known?.data,
      });
    }
  }

  /** Compares with an export: every acknowledged message must be at its reported position with the data sent, and no other. */
  compare(exported: string): string[] {
    const problems: string[] = [];
    const lines = exported.split('\n').slice(0, -1);
    const next = new Map<string, number>();
    for (const line of lines) {
      const { stream, pos, gpos } = JSON.parse(line) as { stream: string; pos: number; gpos: number };
      const entry = this.#entries.get(keyOf(stream, pos));
      if (pos !== (next.get(stream) ?? 0)) problems.push(`${stream} has a gap before ${pos}`);
      next.set(stream, pos + 1);
      if (entry === undefined) problems.push(`no answer told of ${line}`);
      else if (entry.globalPosition !== undefined && entry.globalPosition !== gpos)
        problems.push(`not at ${gpos}: ${line}`);
      else if (entry.data !== undefined && !line.includes(`"data":${entry.data},"meta":`))
        problems.push(`not ${entry.data}: ${line}`);
    }
    if (lines.length !== this.#entries.size)
      problems.push(`${this.#entries.size} were told of, the log has ${lines.length}`);
    return problems;
  }
}

function keyOf(stream: string, position: number): string {
  return `${stream}/${position}`;
}
