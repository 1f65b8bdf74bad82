import type { Message, NewMessage } from '../../src/message/message.ts';
import type { Poke } from '../../src/message/poke.ts';
import type { Selection } from '../../src/message/selection.ts';
import type { Log, LogFilter, StreamStart } from '../../src/store/log.ts';
import { newMessages } from '../support/fake-messages.ts';

/** Matches every message. */
export const everyMessage: LogFilter = { category: undefined, group: undefined, correlation: undefined };

/** A log with short calls: appends that must succeed, and reads of all pages. */
export class WholeLog {
  readonly log: Log;

  constructor(log: Log) {
    this.log = log;
  }

  /** Appends messages, or this many; returns their last global position. */
  async append(stream: string, messages: readonly NewMessage[] | number = 1): Promise<number> {
    const given = typeof messages === 'number' ? newMessages(messages) : messages;
    const outcome = await this.log.append(stream, given, undefined);
    if (outcome.outcome !== 'appended') throw new Error(`the append ended in ${JSON.stringify(outcome)}`);
    return outcome.globalPosition;
  }

  /** Appends this many messages, in arrays that every store accepts. */
  async appendMany(stream: string, count: number): Promise<void> {
    for (let left = count; left > 0; left -= 1_000) await this.append(stream, Math.min(left, 1_000));
  }

  /** All messages of a stream, read with this page limit. */
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

  /** All messages of the log, or those matching the filter, read with this page limit. */
  async messages(filter: Partial<LogFilter> = {}, from = 0, limit = 1_000): Promise<Message[]> {
    const messages: Message[] = [];
    for (let start: number | null = from; start !== null; ) {
      const page = await this.log.read({ ...everyMessage, ...filter }, start, limit);
      messages.push(...page.messages);
      start = page.next;
    }
    return messages;
  }

  /** All pokes of a selection after a global position, formatted by {@link textOf}, read with this page limit. */
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

/** The text that {@link textOf} gives the pokes of these messages. */
export function placesOf(messages: readonly Omit<Message, 'id' | 'data'>[]): string[] {
  return messages.map(({ stream, position, globalPosition }) => `${stream}/${position}@${globalPosition}`);
}
