import { element } from './element.js';

/** Parses JSON so that `jsonParts` shows numbers as they were written, also those that JavaScript cannot hold. */
export function parseVerbatim(text) {
  return JSON.parse(text, (_key, value, context) =>
    typeof value === 'number' && JSON.rawJSON !== undefined ? JSON.rawJSON(context.source) : value,
  );
}

const token = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d[\d.eE+-]*/g;

/** A value as indented JSON: text and spans, a class for each kind of token. */
export function jsonParts(value) {
  const json = JSON.stringify(value, null, 2);
  const parts = [];
  let end = 0;
  for (const match of json.matchAll(token)) {
    const [text, string, colon = ''] = match;
    const kind = string === undefined ? 'literal' : colon === '' ? 'string' : 'key';
    parts.push(json.slice(end, match.index), element('span', { className: kind }, string ?? text), colon);
    end = match.index + text.length;
  }
  return [...parts, json.slice(end)];
}
