import { copyText, curlCommand, curlLine } from '../common/curl-line.js';
import { element } from '../common/element.js';
import { jsonParts, membersOf } from '../common/json-text.js';
import { hashOf, pathPart } from '../common/place.js';
import { readText } from './reads.js';

/** Whether messages are shown verbatim; kept from one message to the next. */
let isVerbatim = false;

/** A message in full: its content, indented or verbatim, a link to it, and the command that reads it. */
export async function messageDetail(stream, position) {
  const detail = element('div', { className: 'detail' });
  const whole = await readText(stream, position);
  if (whole === undefined) {
    detail.append(element('p', { className: 'quiet' }, 'This message no longer exists.'));
    return detail;
  }
  const content = element('div', { className: 'content' });
  const forms = [
    [false, 'Indented'],
    [true, 'As written'],
  ].map(([verbatim, name]) => {
    const button = element('button', { type: 'button' }, name);
    button.addEventListener('click', () => {
      isVerbatim = verbatim;
      show();
    });
    return { verbatim, button };
  });
  const show = () => {
    for (const { verbatim, button } of forms) button.ariaPressed = String(verbatim === isVerbatim);
    content.replaceChildren(...(isVerbatim ? [block('message', [whole])] : blocksOf(whole)));
  };
  show();
  const copy = element('button', { type: 'button' }, 'Copy');
  copy.addEventListener('click', () => {
    isVerbatim = true;
    show();
    copyText(copy, content.querySelector('pre'));
  });
  const url = new URL(`streams/${pathPart(stream)}/messages?position=${position}&batchSize=1`, document.baseURI);
  detail.append(
    element(
      'div',
      { className: 'detail-bar' },
      element('div', { className: 'forms', role: 'group', ariaLabel: 'Form' }, ...forms.map(({ button }) => button)),
      copy,
      element('a', { href: hashOf(stream, position), ariaLabel: `Link to message ${position}` }, '¶ Link'),
    ),
    content,
    curlLine(curlCommand(url)),
  );
  return detail;
}

function blocksOf(whole) {
  const { data, metadata, id, globalPosition, time } = membersOf(whole);
  const facts = [
    ['id', JSON.parse(id)],
    ['global position', globalPosition],
    ['time', JSON.parse(time)],
  ].flatMap(([name, value]) => [element('dt', {}, name), element('dd', {}, element('code', {}, value))]);
  return [
    element('dl', { className: 'facts' }, ...facts),
    block('data', jsonParts(data)),
    ...(metadata === 'null' ? [] : [block('metadata', jsonParts(metadata))]),
  ];
}

/** It scrolls, so it must be reachable by keyboard. */
function block(name, parts) {
  const text = element('pre', { className: 'code', tabIndex: 0, role: 'region', ariaLabel: name }, ...parts);
  return element('div', {}, element('h3', {}, name), text);
}
