import { byId, element } from '../common/element.js';
import { placeOf } from '../common/place.js';
import { setUpShortcuts } from '../common/shortcuts.js';
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
setUpShortcuts([
  { key: '/', text: 'find a stream', target: byId('prefix'), act: () => byId('prefix').focus() },
  { key: 'f', text: 'follow live, or pause', target: byId('follow'), act: () => view.follow() },
]);
await showPlace();
