import { indexedDbCheckpoint, localStorageCheckpoint } from '../../src/client/browser.ts';
import { connect } from '../../src/client/client.ts';
import { acrossTabs } from '../../src/client/tabs.ts';

// Definitions that a bundler would provide.
Object.assign(globalThis, { connect, acrossTabs, indexedDbCheckpoint, localStorageCheckpoint });
