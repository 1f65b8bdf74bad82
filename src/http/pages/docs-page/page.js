import { byId } from '../common/element.js';
import { setUpAppend } from './append.js';
import { showReference } from './reference.js';
import { setUpSubscribe } from './subscribe.js';

setUpSubscribe();
setUpAppend();

try {
  const description = await (await fetch('openapi.json')).json();
  showReference(byId('reference'), description);
} catch (error) {
  byId('api-lead').textContent = `The description of the API could not be read: ${error.message}`;
}
