import { byId } from '../common/element.js';

/** What the form requests: its `url`, a `text` that describes it, and the global position after which it starts, given the head. */
export function wantedSubscription(selectors) {
  return { url: subscribeUrl(selectors), text: textOf(selectors), beginsAfter: beginningOf(selectors) };
}

/** Path and query as a client would write them. */
export function subscribeUrl(selectors) {
  const query = new URLSearchParams(selectors.map(({ kind, name }) => [kind, name]));
  for (const id of ['position', 'consumer', 'size']) {
    const value = byId(id).value.trim();
    if (value !== '') query.append(id, value);
  }
  return `subscribe?${query}`;
}

function textOf(selectors) {
  const names = selectors.map(({ kind, name }) => (kind === 'all' ? 'everything' : `${kind} ${name}`));
  const member = byId('consumer').value === '' ? '' : `, consumer ${byId('consumer').value} of ${byId('size').value}`;
  return names.join(', ') + member;
}

function beginningOf(selectors) {
  const position = Number(byId('position').value);
  if (selectors[0]?.kind === 'all') return (head) => Math.max(head, position - 1);
  const isSingleStream = selectors.length === 1 && selectors[0].kind === 'stream';
  return () => (isSingleStream ? 0 : Math.max(0, position - 1));
}
