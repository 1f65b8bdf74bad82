import type { Message, NewMessage } from '../../src/message/message.ts';
import type { Poke } from '../../src/message/poke.ts';
import type { Selection } from '../../src/message/selection.ts';
import type { Log, LogFilter, StreamStart } from '../../src/store/log.ts';
import { newMessages } from '../support/fake-messages.ts';

/** Keeps every message. */
export const everyMessage: LogFilter = { category: undefined, group: undefined, correlation: undefined };

/** A log with shorter ways to ask it: appends that must succeed, and reads of all pages. */
export class WholeLog {
  readonly log: Log;

  constructor(log: Log) {
    this.log = log;
  }

  /** Appends messages, or so many of them; returns their last global position. */
  async append(stream: string, messages: readonly NewMessage[] | number = 1): Promise<number> {
    const given = typeof messages === 'number' ? newMessages(messages) : messages;
    const outcome = await this.log.append(stream, given, undefined);
    if (outcome.outcome !== 'appended') throw new Error(`the append ended in ${JSON.stringify(outcome)}`);
    return outcome.globalPosition;
  }

  /** Appends so many messages, by arrays that every store takes. */
  async appendMany(stream: string, count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1_000) await this.append(stream, Math.min(left, 1_000));
  }

  /** All messages of a stream, read by pages of this limit. */
  async stream(stream: string, from: StreamStart = { position: 0 }, limit = 1_000): Promise<Message[]> {
    const messages: Message[] = [];
    for (let start: StreamStart | undefined = from; start !== undefined; ) {
      const page = await this.log.readStream(stream, start, limit);
      messages.push(...page.messages);
      if (page.next === null) break;
      start = 'position' in start ? { position: page.next } : { globalPosition: page.next };
    }
    return messages;
  }

  /** All messages of the log, or those the filter keeps, read by pages of this limit. */
  async messages(filter: Partial<LogFilter> = {}, from = 0, limit = 1_000): Promise<Message[]> {
    const messages: Message[] = [];
    for (let start: number | null = from; start !== null; ) {
      const page = await this.log.read({ ...everyMessage, ...filter }, start, limit);
      messages.push(...page.messages);
      start = page.next;
    }
    return messages;
  }

  /** All pokes of a selection behind a global position, as {@link textOf} writes them, read by pages of this limit. */
  async pokes(selection: Selection, after = 0, limit = 1_000): Promise<string[]> {
    const pokes: string[] = [];
    for (let at = after; ; ) {
      const page = await this.log.pokes(selection, at, limit);
      pokes.push(...page.pokes.map(textOf));
      page.release();
      if (page.atEnd) return pokes;
      if (page.upTo <= at) throw new Error('a page that is not at the end did not go on');
      at = page.upTo;
    }
  }

  async head(): Promise<number> {
    return (await this.log.bounds()).head;
  }
}

/** `stream/position@globalPosition`. */
export function textOf({ stream, position, globalPosition }: Poke): string {
  return `${stream.text}/${position}@${globalPosition}`;
}

/** The same of messages, which is what their pokes must say. */
export function placesOf(messages: readonly Omit<Message, 'id' | 'data'>[]): string[] {
  return messages.map(({ stream, position, globalPosition }) => `${stream}/${position}@${globalPosition}`);
}
