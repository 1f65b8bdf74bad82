import type { AuthMode } from '../../access/access.ts';
import type { Server } from '../plumbing/server.ts';
import { routePage } from './page.ts';

/** The page that reads streams: `/streams` is the resource, and a file below it would hide the stream of that name. */
export function routeBrowsePage(server: Server, mode: AuthMode): void {
  routePage(server, { path: '/browse', folder: new URL('./browse-page/', import.meta.url), mode });
}
