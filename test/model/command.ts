import fc from 'fast-check';
import type { Site } from './site.ts';
import type { World } from './world.ts';

/** A command of the model. Shrinking removes commands and simplifies their parameters. */
export type ModelCommand = fc.AsyncCommand<World, Site>;

type Parts<P> = {
  readonly run: (world: World, site: Site, parameters: P) => Promise<void> | void;
  /** Whether it can run now; otherwise it is skipped. */
  readonly check?: (world: World, parameters: P) => boolean;
};

/** Commands with one name; reports show them with their parameters. */
export function command<P>(
  name: string,
  parameters: fc.Arbitrary<P>,
  { run, check = () => true }: Parts<P>,
): fc.Arbitrary<ModelCommand> {
  return parameters.map((given) => ({
    check: (world) => check(world as World, given),
    run: async (world, site) => run(world, site, given),
    toString: () => `${name}${fc.stringify(given)}`,
  }));
}

/** The namespaces of a run. */
export const namespaceIds = ['n1', 'n2'] as const;
export const someNamespace = fc.constantFrom(...namespaceIds);
