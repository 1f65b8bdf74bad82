import { LimitedStore } from '../support/limited-store.ts';
import { describeStore } from './describe-store.ts';

describeStore('a store that can do little', { open: (options) => LimitedStore.open(options) });
