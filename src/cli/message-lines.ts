import type { Writable } from 'node:stream';
import { styleText } from 'node:util';
import { jsonMember } from './json-elements.ts';
import type { SentMessage } from './message-pages.ts';

type Style = Parameters<typeof styleText>[0];

/** Formats messages one per line, as JSON or for people, with colours on a terminal. */
export class MessageLines {
  readonly #stdout: Writable;
  readonly #isJson: boolean;
  readonly #isTerminal: boolean;

  constructor(stdout: Writable, isJson: boolean) {
    this.#stdout = stdout;
    this.#isJson = isJson;
    this.#isTerminal = (stdout as { isTTY?: boolean }).isTTY === true;
  }

  textOf(messages: readonly SentMessage[]): string {
    return messages.map((message) => `${this.#lineOf(message)}\n`).join('');
  }

  #lineOf(message: SentMessage): string {
    const { json, globalPosition, time, stream, position, type, metadata } = message;
    if (this.#isJson) return this.#isTerminal ? visible(json) : json;
    const text = [
      this.#style('dim', `${globalPosition}  ${time}`),
      this.#style('cyan', `${visible(stream)}@${position}`),
      this.#style('bold', visible(type)),
      visible(jsonMember(json, 'data') ?? '{}'),
      ...(metadata === null ? [] : [this.#style('dim', visible(jsonMember(json, 'metadata') ?? ''))]),
    ];
    return text.join('  ');
  }

  #style(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#stdout });
  }
}

/** Escapes control and bidirectional characters in the JSON way, so JSON keeps its value. */
export function visible(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (letter) => {
    // Characters beyond U+FFFF need a surrogate pair.
    const units = Array.from({ length: letter.length }, (_, at) => letter.charCodeAt(at));
    return units.map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`).join('');
  });
}
