import { setUpAppend } from './append.js';
import { byId } from './element.js';
import { showReference } from './reference.js';
import { setUpSubscribe } from './subscribe.js';

setUpSubscribe();
setUpAppend();

try {
  const description = await (await fetch('openapi.json')).json();
  byId('version').textContent = description.info.version;
  showReference(byId('reference'), description);
} catch (error) {
  byId('api-lead').textContent = `The description of the API could not be read: ${error.message}`;
}
