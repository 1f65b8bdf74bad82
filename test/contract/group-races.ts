import { expect, test } from 'vitest';
import type { GroupStore } from '../../src/store/group-store.ts';
import { keep } from './group-records.ts';
import type { Suite } from './suite.ts';

const racesAtOnce = 100;

/** Increments the record, retrying while it loses; returns how often it lost. */
async function countUp(groups: GroupStore, key: string): Promise<number> {
  for (let lost = 0; ; lost++) {
    const [record] = await groups.read([key]);
    const text = JSON.stringify(JSON.parse(record!.text) + 1);
    const [revision] = await groups.write([{ key, revision: record!.revision, text, isQuiet: true }]);
    if (revision !== undefined) return lost;
  }
}

export function describeGroupRaces({ open, races, describe, test: testWhere }: Suite): void {
  const race = async (handles: readonly [GroupStore, GroupStore]) => {
    for (let first = 0; first < races; first += racesAtOnce) {
      const keys = Array.from({ length: racesAtOnce }, (_value, n) => `race/${first + n}`);
      const pairs = await Promise.all(
        keys.map((key) =>
          Promise.all(
            handles.map(async (groups, racer) => {
              const [revision] = await groups.write([{ key, revision: 0, text: `${racer}`, isQuiet: true }]);
              return revision;
            }),
          ),
        ),
      );
      const kept = await handles[0].read(keys);
      for (const [index, outcomes] of pairs.entries()) {
        const winners = outcomes.flatMap((revision, racer) => (revision === undefined ? [] : [racer]));
        expect(winners).toHaveLength(1);
        expect(kept[index]).toMatchObject({ text: `${winners[0]}`, revision: outcomes[winners[0]!] });
      }
    }
  };

  describe('racing changes of a record of a group', ['groups'], () => {
    test(`let one of two succeed, ${races} times`, async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      await race([groups, groups]);
    });

    testWhere(`let one of two nodes hold, ${races} times`, ['a second handle'], async () => {
      await using opened = await open();
      const second = await opened.second();
      await race([opened.store.groups!, second.store.groups!]);
    });

    test('lose no increment of 50 concurrent writers', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      await keep(groups, 'count', 0, '0');
      await Promise.all(Array.from({ length: 50 }, () => countUp(groups, 'count')));
      expect((await groups.read(['count']))[0]!.text).toBe('50');
    });

    test('never let both a removal and a replacement of one revision succeed', async () => {
      await using opened = await open();
      const groups = opened.store.groups!;
      for (let n = 0; n < 100; n++) {
        const key = `removal/${n}`;
        const revision = await keep(groups, key, 0, '0');
        const [[removed], [replaced]] = await Promise.all([
          groups.write([{ key, revision, text: undefined, isQuiet: true }]),
          groups.write([{ key, revision, text: '1', isQuiet: true }]),
        ]);
        expect([removed, replaced].filter((outcome) => outcome !== undefined)).toHaveLength(1);
        expect((await groups.read([key]))[0]?.text).toBe(removed === undefined ? '1' : undefined);
      }
    });
  });
}
