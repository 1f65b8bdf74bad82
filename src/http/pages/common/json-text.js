import { element } from './element.js';

// JSON is split and indented as text: a parser would change numbers that JavaScript cannot represent, move members with
// numeric names to the front, and keep only the last of repeated members.

/** Strings, punctuation, and everything else: numbers and literals. */
const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:,]|[^\s[\]{}:,"]+/g;

/** With more tokens, colouring costs the browser more than it is worth. */
const maxColoured = 20_000;

/** The elements of an array, or the members of an object, each verbatim. */
export function elementsOf(json) {
  const elements = [];
  let depth = 0;
  let start = 0;
  for (const { 0: piece, index } of json.matchAll(token)) {
    const closes = piece === ']' || piece === '}';
    if (closes) depth -= 1;
    if ((closes && depth === 0) || (piece === ',' && depth === 1)) {
      const text = json.slice(start, index).trim();
      if (text !== '') elements.push(text);
      start = index + 1;
    }
    if (piece === '[' || piece === '{') {
      depth += 1;
      if (depth === 1) start = index + 1;
    }
  }
  return elements;
}

/** The values of an object by name, each verbatim. */
export function membersOf(json) {
  const members = elementsOf(json).map((member) => {
    const [name] = member.match(token);
    return [JSON.parse(name), member.slice(name.length).replace(/^\s*:\s*/, '')];
  });
  return Object.fromEntries(members);
}

/** JSON with one line per member, as text and spans with a class for each kind of token. */
export function jsonParts(json) {
  const tokens = json.match(token);
  const parts = [];
  let text = '';
  let depth = 0;
  const newLine = () => `\n${'  '.repeat(depth)}`;
  for (const [index, piece] of tokens.entries()) {
    const next = tokens[index + 1];
    if (piece === '{' || piece === '[') {
      const isEmpty = next === '}' || next === ']';
      if (!isEmpty) depth += 1;
      text += isEmpty ? piece : piece + newLine();
    } else if (piece === '}' || piece === ']') {
      const isEmpty = tokens[index - 1] === '{' || tokens[index - 1] === '[';
      if (!isEmpty) depth -= 1;
      text += isEmpty ? piece : newLine() + piece;
    } else if (piece === ',') text += piece + newLine();
    else if (piece === ':') text += ': ';
    else if (tokens.length > maxColoured) text += piece;
    else {
      parts.push(text, element('span', { className: kindOf(piece, next) }, piece));
      text = '';
    }
  }
  return [...parts, text];
}

function kindOf(piece, next) {
  if (!piece.startsWith('"')) return 'literal';
  return next === ':' ? 'key' : 'string';
}
