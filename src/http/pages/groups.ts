import type { AuthMode } from '../../access/access.ts';
import type { Server } from '../plumbing/server.ts';
import { routePage } from './page.ts';

/** The page that shows consumer groups. Not at `/groups`, which is the resource. */
export function routeGroupsPage(server: Server, mode: AuthMode): void {
  routePage(server, { path: '/consumer-groups', folder: new URL('./groups-page/', import.meta.url), mode });
}
