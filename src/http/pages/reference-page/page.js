import { byId, element } from '../common/element.js';
import { noAnswer, serverError } from '../common/server-error.js';
import { groupsOf } from './description.js';
import { errorSection } from './errors.js';
import { marked, operationSection, titleWithLink } from './operation.js';
import { Search } from './search.js';

/** Shows every operation, and a link to each in the index. Returns what can be searched. */
function show(description) {
  const groups = groupsOf(description);
  const entries = groups.flatMap(({ name, description: text, operations }) => {
    const id = `group-${name}`;
    const shown = operations.map((operation) => {
      const link = element('a', { href: `#${operation.id}` }, operation.summary);
      const section = operationSection(operation);
      return { text: textOf(operation), link: element('li', {}, link), section };
    });
    const head = element(
      'div',
      { className: 'group-head' },
      titleWithLink('h2', id, name),
      element('p', { className: 'quiet' }, ...marked(text)),
    );
    byId('reference').append(
      element('section', { id, className: 'group' }, head, ...shown.map(({ section }) => section)),
    );
    byId('index').append(element('h2', {}, name), element('ul', {}, ...shown.map(({ link }) => link)));
    return shown.map(({ text: words, link, section }) => ({ text: words, elements: [link, section] }));
  });
  byId('reference').append(errorSection(description));
  byId('index').append(element('ul', {}, element('li', {}, element('a', { href: '#errors' }, 'Errors'))));
  return entries;
}

function textOf({ id, method, path, summary, description, tag, parameters }) {
  return [id, method, path, summary, description, tag, ...parameters.map(({ name }) => name)].join(' ');
}

/** The browser looked for the part named in the address before it existed. */
function goToHash() {
  if (location.hash === '') return;
  location.replace(location.hash);
  byId(location.hash.slice(1))?.scrollIntoView({ behavior: 'instant' });
}

async function read() {
  const response = await fetch('openapi.json').catch(() => undefined);
  if (response?.ok) return response.json();
  throw new Error(response === undefined ? noAnswer() : await serverError(response));
}

// If there is room, the index is always open.
const isWide = matchMedia('(width >= 1200px)');
const fold = () => {
  byId('index-fold').open = isWide.matches;
};
isWide.addEventListener('change', fold);
fold();

try {
  const search = new Search(show(await read()));
  goToHash();
  addEventListener('hashchange', () => {
    const target = byId(location.hash.slice(1));
    if (target?.hidden) search.clear();
    target?.scrollIntoView({ behavior: 'instant' });
  });
} catch (error) {
  byId('problem').textContent = `The description of the API could not be read. ${error.message}`;
  byId('problem').hidden = false;
}
