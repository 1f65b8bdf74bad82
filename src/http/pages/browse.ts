import type { AuthMode } from '../../access/access.ts';
import type { Server } from '../plumbing/server.ts';
import { routePage } from './page.ts';

/** The page that reads streams. Not at `/streams`, because its files would hide streams with their names. */
export function routeBrowsePage(server: Server, mode: AuthMode): void {
  routePage(server, {
    path: '/browse',
    title: 'Streams – Pokewire',
    description: 'Find a stream, read its messages, and follow it live.',
    folder: new URL('./browse-page/', import.meta.url),
    styles: ['browse', 'messages'],
    mode,
  });
}
