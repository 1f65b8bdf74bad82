import { element } from '../common/element.js';
import { jsonParts } from '../common/json-text.js';
import { marked, titleWithLink } from './operation.js';

/** The common format of all failures, and their codes. */
export function errorSection({ components: { responses, schemas } }) {
  const { description, content } = responses.Error;
  const { code, message, details } = schemas.Error.properties.error.properties;
  const members = Object.entries({ code, message, details }).flatMap(([name, member]) => [
    element('dt', {}, element('code', {}, name)),
    element('dd', {}, ...marked(member.description)),
  ]);
  const codes = code.oneOf.map(({ const: name, description: status }) =>
    element('li', {}, element('code', {}, name), element('span', { className: 'quiet' }, status)),
  );
  const example = element(
    'pre',
    { className: 'code' },
    ...jsonParts(JSON.stringify(content['application/json'].example)),
  );
  const section = element(
    'section',
    { id: 'errors', className: 'group' },
    titleWithLink('h2', 'errors', 'Errors'),
    element('p', { className: 'quiet' }, `${description}.`),
    element(
      'div',
      { className: 'operation' },
      element('div', { className: 'about' }, element('dl', {}, ...members)),
      element('div', { className: 'beside' }, element('figure', { className: 'example' }, example)),
    ),
    element('ul', { className: 'codes' }, ...codes),
  );
  section.setAttribute('aria-labelledby', 'errors-title');
  return section;
}
