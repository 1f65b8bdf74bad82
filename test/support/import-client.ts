import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { importRecord } from '../../src/message/import-record.ts';
import type { Message } from '../../src/message/message.ts';
import { messageAt } from './imported-messages.ts';
import { EventStreamParser } from './sse-client.ts';

/** A line of an import for a position such as `account-1/5@999`, with LF; undefined members are omitted. */
export function recordAt(
  place: string,
  members: Readonly<Record<string, unknown>> = {},
  parts: Partial<Message> = {},
): string {
  const record = JSON.parse(importRecord(messageAt(place, parts)));
  return `${JSON.stringify({ ...record, ...members })}\n`;
}

/** This many lines, from stream position and global position `from` on, over seven streams. */
export function records(count: number, from = 1): string {
  return Array.from({ length: count }, (_value, index) =>
    recordAt(`many-${(from + index) % 7}/${from + index}@${from + index}`),
  ).join('');
}

/** These lines as a complete export, ended by the last one. */
export function ended(lines: string): string {
  if (lines === '') return '{"end":{"records":0}}\n';
  return lines.replace(/\}\n?$/, `,"end":{"records":${lines.trimEnd().split('\n').length}}}\n`);
}

/** The answer to an import. */
export type ImportAnswer = {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  readonly events: any[];
};

/** An import whose body is sent piece by piece. */
export class ImportRequest {
  readonly request: ClientRequest;
  readonly answer: Promise<ImportAnswer>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  readonly events: any[] = [];

  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    const { promise, resolve, reject } = Promise.withResolvers<ImportAnswer>();
    this.answer = promise;
    this.request = httpRequest(url, { method: 'POST', headers, agent: false });
    this.request.on('error', reject);
    this.request.on('response', (response) => {
      const parser = new EventStreamParser();
      let text = '';
      response.on('data', (bytes: Buffer) => {
        text += bytes;
        const before = parser.events.length;
        parser.push(bytes);
        for (const { data } of parser.events.slice(before)) this.events.push(JSON.parse(data));
      });
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, text, events: this.events }),
      );
    });
  }

  /** Sends a piece; resolves when it was sent. */
  send(piece: string | Buffer): Promise<void> {
    return new Promise((resolve) => this.request.write(piece, () => resolve()));
  }

  end(piece: string | Buffer = ''): Promise<ImportAnswer> {
    this.request.end(piece);
    return this.answer;
  }
}

/** Imports a body in one piece. */
export function importBody(
  url: string,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = { 'content-type': 'application/x-ndjson' },
): Promise<ImportAnswer> {
  return new ImportRequest(url, headers).end(body);
}
