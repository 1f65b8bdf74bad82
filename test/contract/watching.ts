import { describe, expect, test } from 'vitest';
import { newMessage, newMessages, uuid } from '../support/fake-messages.ts';
import { namespace, type Open, textOf } from './message-store.ts';

export function describeWatching(open: Open): void {
  describe('a watcher', () => {
    test('is told each message once, in global order', async () => {
      await using opened = await open();
      const told: string[] = [];
      opened.store.watch((inNamespace, poke) => told.push(`${inNamespace} ${textOf(poke)}`));
      await opened.append('a-1', 2);
      await opened.append('b-1');
      await opened.append('a-1');
      await expect
        .poll(() => told)
        .toEqual(['default a-1/0@1', 'default a-1/1@2', 'default b-1/0@3', 'default a-1/2@4']);
    });

    test('is told of concurrent appends in the order of the log', async () => {
      await using opened = await open();
      const told: string[] = [];
      opened.store.watch((_namespace, poke) => told.push(textOf(poke)));
      await Promise.all(Array.from({ length: 64 }, (_value, index) => opened.append(`a-${index % 5}`, 3)));
      const log = await opened.log();
      await expect
        .poll(() => told)
        .toEqual(log.map(({ stream, position, globalPosition }) => `${stream}/${position}@${globalPosition}`));
    });

    test('is told of each namespace with its own positions', async () => {
      await using opened = await open();
      const told: string[] = [];
      opened.store.watch((inNamespace, poke) => told.push(`${inNamespace} ${textOf(poke)}`));
      await opened.append('a-1', 1, 'one');
      await opened.append('a-1', 1, 'two');
      await opened.append('a-1', 1, 'one');
      await expect.poll(() => told.sort()).toEqual(['one a-1/0@1', 'one a-1/1@2', 'two a-1/0@1']);
    });

    test('is told when the message can be read', async () => {
      await using opened = await open();
      const reads: Promise<unknown>[] = [];
      opened.store.watch((inNamespace, { stream, position }) => {
        reads.push(
          opened.store.readStream(inNamespace, stream.text, { position }, 1).then(({ messages }) => messages.length),
        );
      });
      await opened.append('a-1', 3);
      await expect.poll(() => reads.length).toBe(3);
      expect(await Promise.all(reads)).toEqual([1, 1, 1]);
    });

    test('is told when the append was', async () => {
      await using opened = await open();
      const times: number[] = [];
      opened.store.watch((_namespace, { appendedAtMs }) => times.push(appendedAtMs));
      const before = performance.now();
      await opened.append('a-1');
      await expect.poll(() => times.length).toBe(1);
      expect(times[0] === 0 || times[0]! >= before).toBe(true);
    });

    test('is not told of what was not written', async () => {
      await using opened = await open({ maxBytes: 5_000 });
      const told: string[] = [];
      const message = newMessage({ id: uuid(1) });
      await opened.append('a-1', [message]);
      opened.store.watch((_namespace, poke) => told.push(textOf(poke)));
      const outcomes = [
        await opened.store.append(namespace, 'a-1', [message], undefined),
        await opened.store.append(namespace, 'b-1', [message], undefined),
        await opened.store.append(namespace, 'a-1', newMessages(1), 7),
        await opened.store.append(namespace, 'a-1', [newMessage({ data: `{"a":"${'x'.repeat(9_000)}"}` })], undefined),
      ];
      await opened.append('c-1');
      await expect.poll(() => told).toEqual(['c-1/0@2']);
      expect(outcomes.map(({ outcome }) => outcome)).toEqual(['known', 'duplicate-id', 'version-conflict', 'full']);
    });

    test('is not told what was appended before it watched', async () => {
      await using opened = await open();
      const told: string[] = [];
      await opened.append('a-1', 3);
      opened.store.watch((_namespace, poke) => told.push(textOf(poke)));
      await opened.append('a-1');
      await expect.poll(() => told).toEqual(['a-1/3@4']);
    });

    test('has the poke until it returns only', async () => {
      await using opened = await open();
      const leased: number[] = [];
      opened.store.watch(() => leased.push(opened.pool.stats.leased));
      await opened.append('a-1', 3);
      await expect.poll(() => leased.length).toBe(3);
      expect(opened.pool.stats.leased).toBe(0);
    });
  });
}
