import type { AuthMode } from '../../access/access.ts';
import type { Server } from '../plumbing/server.ts';
import { routePage } from './page.ts';

/** The page that shows consumer groups. Not at `/groups`, which is the resource. */
export function routeGroupsPage(server: Server, mode: AuthMode): void {
  routePage(server, {
    path: '/consumer-groups',
    title: 'Groups – Pokewire',
    description: 'Who owns what of consumer groups, how far behind it is, and what is parked.',
    folder: new URL('./groups-page/', import.meta.url),
    styles: ['groups'],
    mode,
  });
}
