import { curlLine } from '../common/curl-line.js';
import { element } from '../common/element.js';
import { countText } from '../common/format.js';
import { jsonParts } from '../common/json-text.js';
import { fieldsOf, typeText } from './description.js';
import { samplesOf } from './samples.js';
import { tabs } from './tabs.js';

/** An operation's details, next to its request and answers for copying. */
export function operationSection(operation) {
  const { id, summary, method, path, description } = operation;
  const about = element(
    'div',
    { className: 'about' },
    titleWithLink('h3', id, summary),
    element(
      'p',
      { className: 'route' },
      element('span', { className: `method ${method.toLowerCase()}` }, method),
      ' ',
      element('code', { className: 'path' }, ...breakable(path)),
    ),
    element('p', {}, ...marked(description)),
    element('p', { className: 'quiet' }, credentialText(operation)),
    ...titled('Parameters', operation.parameters.flatMap(parameterTerms)),
    ...titled('Body', fieldsOf(operation.body?.schema).flatMap(fieldTerms)),
    ...titled('Answers', [...operation.answers.flatMap(answerTerms), ...refusalTerms(operation.refusals)]),
  );
  const samples = samplesOf(operation).map(({ name, text }) => ({ name, content: curlLine(text) }));
  const beside = element(
    'div',
    { className: 'beside' },
    tabs(id, `Request of ${summary}`, samples),
    ...operation.answers.map(exampleFigure),
  );
  const section = element('section', { id, className: 'operation' }, about, beside);
  section.setAttribute('aria-labelledby', `${id}-title`);
  return section;
}

/** A title with a link to itself. */
export function titleWithLink(tag, id, text) {
  const link = element('a', { href: `#${id}`, className: 'anchor', ariaLabel: `Link to ${text}` }, '¶');
  return element(tag, { id: `${id}-title` }, text, ' ', link);
}

/** Text with `code` marked up. */
export function marked(text = '') {
  return text.split('`').map((part, index) => (index % 2 === 1 ? element('code', {}, part) : part));
}

function credentialText({ scope, takesTicket }) {
  if (scope === undefined) return 'Needs no token.';
  return `With --auth token: needs a token of scope ${scope}${takesTicket ? ', or a ticket' : ''}.`;
}

function titled(title, terms) {
  return terms.length === 0 ? [] : [element('h4', {}, title), element('dl', {}, ...terms)];
}

function parameterTerms({ name, in: place, required, schema, description }) {
  return term(name, [place, typeText(schema), ...(required ? ['required'] : [])], description);
}

function fieldTerms({ name, schema, required, description }) {
  return term(name, [typeText(schema), ...(required ? ['required'] : [])], description);
}

function term(name, facts, description) {
  return [
    element('dt', {}, element('code', {}, name), ' ', element('span', { className: 'quiet' }, facts.join(', '))),
    element('dd', {}, ...marked(description)),
  ];
}

function answerTerms({ status, description, type, schema }) {
  const fields = fieldsOf(schema);
  const members = element('details', {}, element('summary', { className: 'small' }, countText(fields.length, 'field')));
  members.append(element('dl', {}, ...fields.flatMap(fieldTerms)));
  return [
    element('dt', {}, element('code', {}, status), ' ', element('span', { className: 'quiet' }, type ?? 'no body')),
    element('dd', {}, ...marked(description), ...(fields.length === 0 ? [] : [members])),
  ];
}

/** All refusals in one row, because they have the same format. */
function refusalTerms(statuses) {
  return [
    element('dt', {}, element('code', {}, statuses.join(' '))),
    element('dd', {}, element('a', { href: '#errors' }, 'A failure, see errors')),
  ];
}

function exampleFigure({ status, description, type, example, headers }) {
  const shown = headers.map(([name, value]) => `${name}: ${value}\n`);
  if (type === undefined) shown.push(element('span', { className: 'quiet' }, 'No body'));
  else if (typeof example === 'string' && type !== 'application/json') shown.push(example.trim());
  else if (example !== undefined) shown.push(...jsonParts(JSON.stringify(example)));
  const caption = element('figcaption', {}, element('b', {}, status), element('span', {}, description));
  if (type !== undefined) caption.append(element('code', { className: 'type' }, type));
  return element('figure', { className: 'example' }, caption, element('pre', { className: 'code' }, ...shown));
}

/** Allows long paths to break after a slash. */
function breakable(path) {
  return path.split(/(?<=\/)/).flatMap((part) => [part, element('wbr')]);
}
