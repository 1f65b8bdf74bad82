import type { Namespace, NamespaceStore, NewNamespace } from '../../src/store/namespace-store.ts';

/** Creates a namespace; fails if there is no room. */
export async function createNamespace(
  namespaces: Pick<NamespaceStore, 'create'>,
  spec: NewNamespace,
): Promise<Namespace> {
  const outcome = await namespaces.create(spec);
  if (outcome.outcome !== 'created') throw new Error(`not created: ${JSON.stringify(outcome)}`);
  return outcome.namespace;
}
