import { byId, element } from '../common/element.js';
import { placeOf } from '../common/place.js';
import { Finder } from './finder.js';
import { StreamView } from './stream-view.js';

byId('top-state').append(element('span', { id: 'live-state', className: 'status', role: 'status' }));

const finder = new Finder();
const view = new StreamView();

function showPlace() {
  const { stream, position } = placeOf(location.hash) ?? {};
  finder.markStream();
  return view.show(stream, position);
}

addEventListener('hashchange', showPlace);
addEventListener('keydown', (event) => {
  const isWriting = event.target.matches?.('input, textarea, select');
  if (isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === '/') {
    event.preventDefault();
    byId('prefix').focus();
  }
  if (event.key === 'f') view.follow();
});
await showPlace();
