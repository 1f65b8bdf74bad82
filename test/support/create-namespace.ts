import type { Namespace, NamespaceStore, NewNamespace } from '../../src/store/namespace-store.ts';

/** Creates a namespace that there must be room for. */
export async function createNamespace(
  namespaces: Pick<NamespaceStore, 'create'>,
  spec: NewNamespace,
): Promise<Namespace> {
  const outcome = await namespaces.create(spec);
  if (outcome.outcome !== 'created') throw new Error(`not created: ${JSON.stringify(outcome)}`);
  return outcome.namespace;
}
