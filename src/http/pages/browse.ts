import type { AuthMode } from '../../access/access.ts';
import type { Server } from '../plumbing/server.ts';
import { routePage } from './page.ts';

/** The page that reads streams. Not at `/streams`, because its files would hide streams with their names. */
export function routeBrowsePage(server: Server, mode: AuthMode): void {
  routePage(server, { path: '/browse', folder: new URL('./browse-page/', import.meta.url), mode });
}
