import fc from 'fast-check';
import { command, type ModelCommand, namespaceIds, someNamespace } from './command.ts';
import type { Site } from './site.ts';
import type { World } from './world.ts';
import { endedUnlessPaused } from './write-commands.ts';

/** Deletes a namespace, requests to it under way, and makes one of the same id. */
const recreate = command('recreate', someNamespace, {
  run: async (world, site, namespace) => {
    const { log } = world.tenancies.get(namespace)!;
    const ending = world.held.filter(({ facts }) => facts.log === log);
    world.expectEnd(site, ending, 'namespace-deleted');
    log.isGone = true;
    site.catchUp();
    await site.administer('ns.delete', namespace);
    await log.answered();
    await world.create(site, namespace);
    await endedUnlessPaused(ending);
  },
});

/** Revokes the token of some readers; the server ends them within a second. */
const revoke = command('revoke', someNamespace, {
  run: async (world, site, namespace) => {
    const tenancy = world.tenancies.get(namespace)!;
    const { tokenId } = tenancy.reader;
    for (const connection of world.held) if (connection.facts.tokenId === tokenId) connection.mayEnd.add('revoked');
    await site.administer('ns.token.revoke', namespace, tokenId);
    const reader = await site.administer('ns.token.create', namespace);
    world.tenancies.set(namespace, { ...tenancy, reader });
  },
});

/**
 * Stops the server, requests under way, and starts one: with an empty memory, so that every cursor is of another log then, or with
 * all that a durable store kept, where every cursor holds. The last messages are announced in the moment of the stop, when they are gathered and not written.
 */
const restart = command('restart', fc.record({ onSamePort: fc.boolean(), lastMessages: fc.nat({ max: 2 }) }), {
  run: async (world, site, { onSamePort, lastMessages }) => {
    if (lastMessages > 0) site.store.holdAnnouncements();
    for (const tenancy of lastMessages > 0 ? world.tenancies.values() : []) {
      world.append(site, tenancy, 'a-1', new Array(lastMessages).fill({ type: 'Last', data: {} }));
      await tenancy.log.answered();
    }
    const ending = world.held;
    if (site.isDurable) await restartKept(world, site, ending, onSamePort);
    else await restartEmpty(world, site, ending, onSamePort);
    await endedUnlessPaused(ending);
  },
});

async function restartEmpty(world: World, site: Site, ending: World['connections'], onSamePort: boolean) {
  world.expectEnd(site, ending, 'draining');
  const logs = [...world.tenancies.values()].map(({ log }) => log);
  for (const log of logs) log.isGone = true;
  site.catchUp();
  await site.restart(onSamePort);
  for (const log of logs) await log.answered();
  await createAll(world, site);
}

/** What the connections are not told by their end is told to those that come after them by their cursors. */
async function restartKept(world: World, site: Site, ending: World['connections'], onSamePort: boolean) {
  for (const connection of ending) connection.mayEnd.add('draining');
  site.catchUp();
  for (const { log } of world.tenancies.values()) await log.answered();
  await site.restart(onSamePort);
}

/** The store announces late, as one on a network does: nothing, then a few, then the rest and what comes at once. */
const hold = command('holdAnnouncements', fc.constant(undefined), {
  run: (_world, site) => site.store.holdAnnouncements(),
});
const announce = command('announce', fc.nat({ max: 70 }), { run: (_world, site, count) => site.store.announce(count) });
const release = command('resumeAnnouncements', fc.constant(undefined), { run: (_world, site) => site.catchUp() });

/** The store holds back the pages that were asked of it, until they are old. */
const holdPages = command('holdPages', fc.constant(undefined), { run: (_world, site) => site.store.holdPages() });
const answerReads = command('answerReads', fc.constant(undefined), { run: (_world, site) => site.store.answerReads() });

/** The store of the node that is subscribed to fails for a while; without a bad network nothing happens. */
const outage = command('outage', fc.constant(undefined), { run: (_world, site) => site.beginOutage() });

/** Makes the namespaces of a run on a server that has none. */
export async function createAll(world: World, site: Site): Promise<void> {
  for (const id of namespaceIds) await world.create(site, id);
}

export const serverCommands: readonly fc.WeightedArbitrary<ModelCommand>[] = [
  { weight: 1, arbitrary: recreate },
  { weight: 1, arbitrary: revoke },
  { weight: 1, arbitrary: restart },
  { weight: 2, arbitrary: hold },
  { weight: 2, arbitrary: announce },
  { weight: 2, arbitrary: release },
  { weight: 1, arbitrary: holdPages },
  { weight: 2, arbitrary: answerReads },
  { weight: 1, arbitrary: outage },
];
