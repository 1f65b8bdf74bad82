import type { Selection } from '../../src/message/selection.ts';
import { selectionOf } from '../support/fake-messages.ts';

/** Streams to append to. */
export const streams = ['account', 'order', 'user', 'visit'].flatMap((category) =>
  Array.from({ length: 10 }, (_, number) => `${category}-${number}`),
);

/** Selections to subscribe to, round robin. */
export const selections: readonly Selection[] = [
  selectionOf({ all: true }),
  selectionOf({ categories: ['account'] }),
  selectionOf({ categories: ['order'], group: { member: 0, size: 2 } }),
  selectionOf({ categories: ['order'], group: { member: 1, size: 2 } }),
  selectionOf({ streams: ['user-3'] }),
  selectionOf({ streams: ['visit-1', 'visit-2'], categories: ['user'] }),
  selectionOf({ categories: ['visit'] }),
  selectionOf({ streams: ['account-1', 'order-2'] }),
];

/** The query of a selection. */
export function queryOf({ all, streams: names, categories, group }: Selection): string {
  const query = new URLSearchParams({ hello: 'true' });
  if (all) query.set('all', 'true');
  for (const name of names) query.append('stream', name);
  for (const category of categories) query.append('category', category);
  if (group !== null) {
    query.set('consumer', String(group.member));
    query.set('size', String(group.size));
  }
  return query.toString();
}
