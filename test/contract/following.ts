import { describe, expect, test } from 'vitest';
import type { Announcement } from '../../src/store/log.ts';
import { everything, newMessage, newMessages, uuid } from '../support/fake-messages.ts';
import { messagesAt } from '../support/imported-messages.ts';
import { importInto } from './import-into.ts';
import type { OpenedStore } from './opened-store.ts';
import { ReferenceFollower } from './reference-follower.ts';
import type { Suite } from './suite.ts';
import { placesOf, textOf, type WholeLog } from './whole-log.ts';

/** One announced page, and what a read of its range found at that moment. */
type Heard = {
  readonly after: number;
  readonly upTo: number;
  readonly pokes: string[];
  readonly read: Promise<string[]>;
};

/** Records every announced page of a log, and reads its range at once. */
function listen(whole: WholeLog): { heard: Heard[]; stop: () => void } {
  const heard: Heard[] = [];
  const stop = whole.log.follow((announcement) => {
    if (announcement === 'wake-up') return;
    const { after, upTo, pokes, epoch } = announcement;
    expect(epoch).toBe(whole.log.id);
    const isInRange = (poke: string) => Number(poke.slice(poke.lastIndexOf('@') + 1)) <= upTo;
    const read = whole.pokes(everything, after).then((found) => found.filter(isInRange));
    heard.push({ after, upTo, pokes: pokes.map(textOf), read });
  });
  return { heard, stop };
}

async function expectComplete(heard: readonly Heard[]): Promise<void> {
  for (const { pokes, read } of heard) expect(pokes).toEqual(await read);
}

export function describeFollowing({ open, describe: describeWhere }: Suite): void {
  describe('a pushed page', () => {
    test('holds every message of its range, in global order, and each can be read at once', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const { heard, stop } = listen(opened);
      await Promise.all(Array.from({ length: 64 }, (_value, index) => opened.append(`a-${index % 5}`, 3)));
      await opened.pokes(everything);
      stop();
      await expectComplete(heard);
      for (const { after, upTo } of heard) expect(after).toBeLessThanOrEqual(upTo);
    });

    test('says when the messages were appended, or 0', async () => {
      await using opened = await open();
      const times: number[] = [];
      const before = performance.now();
      const stop = opened.log.follow((announcement) => {
        if (announcement !== 'wake-up') times.push(...announcement.pokes.map(({ appendedAtMs }) => appendedAtMs));
      });
      await opened.append('a-1', 2);
      await opened.head();
      stop();
      for (const time of times) expect(time === 0 || (time >= before && time <= performance.now())).toBe(true);
    });

    test('contains no messages of refused appends', async () => {
      await using opened = await open();
      const message = newMessage({ id: uuid(1) });
      await opened.append('a-1', [message]);
      const { heard, stop } = listen(opened);
      const outcomes = [
        await opened.log.append('a-1', [message], undefined),
        await opened.log.append('b-1', [message], undefined),
        await opened.log.append('a-1', newMessages(1), 7),
      ];
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(['known', 'duplicate-id', 'version-conflict']);
      await opened.append('c-1');
      await opened.head();
      stop();
      await expectComplete(heard);
    });

    test('lends its pokes until the follower returns', async ({ expect }) => {
      await using opened = await open();
      const kept: Announcement[] = [];
      const stop = opened.log.follow((announcement) => kept.push(announcement));
      await opened.append('a-1', 20);
      await opened.head();
      await expect.poll(() => opened.pool.stats.leased).toBe(0);
      stop();
    });
  });

  describe('a follower', () => {
    test('is not notified after it has stopped, and may stop twice', async () => {
      await using opened = await open();
      let announcements = 0;
      const stop = opened.log.follow(() => announcements++);
      await opened.append('a-1');
      stop();
      stop();
      const before = announcements;
      await opened.append('a-1', 3);
      await opened.pokes(everything);
      expect(announcements).toBe(before);
    });

    test('may stop during a notification', async () => {
      await using opened = await open();
      let announcements = 0;
      const stop = opened.log.follow(() => {
        announcements++;
        stop();
      });
      for (let count = 0; count < 5; count++) await opened.append('a-1');
      await opened.pokes(everything);
      expect(announcements).toBeLessThanOrEqual(1);
    });

    test('stops only itself, even if others follow with the same function', async () => {
      await using opened = await open();
      const { heard, stop } = listen(opened);
      const follower = new ReferenceFollower(opened.log);
      const announced = () => {};
      const stops = [opened.log.follow(announced), opened.log.follow(announced)];
      stops[0]!();
      await opened.append('a-1', 3);
      stops[1]!();
      stop();
      await expectComplete(heard);
      expect(await follower.finish()).toEqual(['a-1/0@1', 'a-1/1@2', 'a-1/2@3']);
    });

    test('that reads from its own head receives 64 concurrent appends, each message once and in order', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const followers = [new ReferenceFollower(opened.log), new ReferenceFollower(opened.log, 2)];
      await Promise.all(Array.from({ length: 64 }, (_value, index) => opened.append(`a-${index % 5}`, 3)));
      const log = placesOf(await opened.messages());
      expect(await followers[0]!.finish()).toEqual(log);
      expect(await followers[1]!.finish()).toEqual(log.slice(2));
    });
  });

  describeWhere('a follower among namespaces', ['many namespaces'], () => {
    test('is not notified of other logs', async () => {
      await using opened = await open();
      const other = await opened.create('other');
      let announcements = 0;
      const stop = other.log.follow(() => announcements++);
      const { heard, stop: stopListening } = listen(opened);
      await opened.append('a-1', 3);
      await opened.pokes(everything);
      stop();
      stopListening();
      expect(announcements).toBe(0);
      await expectComplete(heard);
    });

    test('of a removed log learns from its next read that the log is gone', async () => {
      await using opened = await open();
      const follower = new ReferenceFollower(opened.log);
      await opened.append('a-1');
      await opened.store.namespaces.remove(opened.namespace);
      await expect(follower.finish()).rejects.toMatchObject({ code: 'LOG_GONE' });
    });
  });

  describeWhere('a follower of a log that is replaced', ['replacements'], () => {
    test('is not notified of the log that replaces its own, and learns from its next read that its own is gone', async () => {
      await using opened = await open();
      await opened.append('a-1', 2);
      const follower = new ReferenceFollower(opened.log);
      const { heard, stop } = listen(opened);
      const replaced = await opened.replaceBy('a-1/0@1', 'a-1/1@9');
      await replaced.append('a-1');
      await replaced.pokes(everything);
      stop();
      expect(heard).toEqual([]);
      await expect(follower.finish()).rejects.toMatchObject({ code: 'LOG_GONE' });
    });
  });

  describeWhere('a follower while messages are imported', ['imports'], () => {
    test('receives messages after the head, and none at or before it', async () => {
      await using opened = await open();
      await opened.append('a-1', 3);
      const follower = new ReferenceFollower(opened.log, 3);
      const { heard, stop } = listen(opened);
      await importInto(opened, [messagesAt('b-1/1@30', 'b-1/0@20')]);
      await importInto(opened, [messagesAt('c-1/0@10', 'b-1/2@40')]);
      await importInto(opened, [messagesAt('c-2/0@15')]);
      await opened.append('a-1');
      stop();
      const pushed = heard.flatMap(({ pokes }) => pokes);
      expect(pushed).not.toContain('c-2/0@15');
      expect(pushed).not.toContain('c-1/0@10');
      const told = await follower.finish();
      expect(told.filter((poke) => !poke.startsWith('c-'))).toEqual(['b-1/0@20', 'b-1/1@30', 'b-1/2@40', 'a-1/3@41']);
    });
  });

  describeWhere('a follower on one of two handles', ['a second handle'], () => {
    const appendOnBoth = async (handles: readonly OpenedStore[]) => {
      const appends = Array.from({ length: 64 }, (_value, index) => handles[index % 2]!.append(`a-${index % 5}`, 2));
      await Promise.all(appends);
    };

    test('receives the appends of both handles, each message once and in order', async () => {
      await using opened = await open();
      const second = await opened.second();
      const followers = [opened, second].map(({ log }) => new ReferenceFollower(log));
      await appendOnBoth([opened, second]);
      const log = placesOf(await opened.messages());
      expect(log.length).toBe(128);
      for (const follower of followers) expect(await follower.finish()).toEqual(log);
    });

    test('receives only complete pages', async () => {
      await using opened = await open();
      const second = await opened.second();
      const heard = [opened, second].map((handle) => listen(handle));
      await appendOnBoth([opened, second]);
      for (const { stop } of heard) stop();
      for (const { heard: pages } of heard) await expectComplete(pages);
    });

    test('is not notified after its own handle was closed', async () => {
      await using opened = await open();
      const second = await opened.second();
      let announcements = 0;
      second.log.follow(() => announcements++);
      second.store.namespaces.follow(() => announcements++);
      await second.close();
      await opened.append('a-1', 3);
      await opened.store.namespaces.setTokens(opened.namespace, []);
      await opened.pokes(everything);
      expect(announcements).toBe(0);
    });
  });
}
