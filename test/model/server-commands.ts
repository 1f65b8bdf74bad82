import fc from 'fast-check';
import { command, type ModelCommand, namespaceIds, someNamespace } from './command.ts';
import type { Site } from './site.ts';
import type { World } from './world.ts';
import { endedUnlessPaused } from './write-commands.ts';

/** Deletes a namespace during its requests, and creates one with the same id. */
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

/** Revokes the token of some readers, which the server ends within a second. */
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
 * Restarts the server during requests: with an empty memory, so that every cursor belongs to another log, or with a
 * durable store, so that every cursor stays valid. The last messages are announced during the stop, when they are
 * collected but not written.
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

/** Messages that connections did not receive before their end are received by the next ones, by their cursors. */
async function restartKept(world: World, site: Site, ending: World['connections'], onSamePort: boolean) {
  for (const connection of ending) connection.mayEnd.add('draining');
  site.catchUp();
  for (const { log } of world.tenancies.values()) await log.answered();
  await site.restart(onSamePort);
}

/** Delays announcements, like a store on a network: none, then a few, then the rest together with new ones. */
const hold = command('holdAnnouncements', fc.constant(undefined), {
  run: (_world, site) => site.store.holdAnnouncements(),
});
const announce = command('announce', fc.nat({ max: 70 }), { run: (_world, site, count) => site.store.announce(count) });
const release = command('resumeAnnouncements', fc.constant(undefined), { run: (_world, site) => site.catchUp() });

/** Delays pages that were read from the store until they are outdated. */
const holdPages = command('holdPages', fc.constant(undefined), { run: (_world, site) => site.store.holdPages() });
const answerReads = command('answerReads', fc.constant(undefined), { run: (_world, site) => site.store.answerReads() });

/** Makes the store of the subscribed node fail for a while; without a bad network it does nothing. */
const outage = command('outage', fc.constant(undefined), { run: (_world, site) => site.beginOutage() });

/** Creates the namespaces of a run on a new server. */
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
