import { MemoryNamespaces } from '../../src/store/memory-namespaces.ts';
import { describeNamespaces } from './namespaces.ts';

describeNamespaces('the namespaces in memory', async () => new MemoryNamespaces());
