import type { Server } from '../plumbing/server.ts';
import { readFiles, routeFiles } from './page-files.ts';

const files = readFiles(new URL('./common/', import.meta.url));

const styles = ['palette', 'base', 'header', 'forms', 'states', 'code', 'foot'];

/** The styles shared by all pages, concatenated. */
export const commonStyle = styles.map((name) => files.get(`${name}.css`)!.toString()).join('\n');

/** Additional style of pages with a single card. */
export const loneStyle = files.get('card.css')!.toString();

/** The logo as an icon. */
export const icon = files.get('icon.svg')!;

/** Serves the shared files: style, icon, and scripts to import from `../common/`. */
export function routeCommon(server: Server): void {
  const scripts = [...files].filter(([name]) => name.endsWith('.js'));
  routeFiles(server, '/common', new Map([...scripts, ['icon.svg', icon], ['common.css', Buffer.from(commonStyle)]]));
}
