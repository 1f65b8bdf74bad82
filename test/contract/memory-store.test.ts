import { MemoryStore } from '../../src/store/memory/memory-store.ts';
import { describeStore } from './message-store.ts';

describeStore('the memory store', async (options) => new MemoryStore(options));
