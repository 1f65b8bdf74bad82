import type { Server } from '../plumbing/server.ts';
import { readFiles, routeFiles } from './page-files.ts';

const files = readFiles(new URL('./common/', import.meta.url));

const styles = ['palette', 'base', 'header', 'forms', 'states', 'code'];

/** The style that all pages share, in one. */
export const commonStyle = styles.map((name) => files.get(`${name}.css`)!.toString()).join('\n');

/** The style of pages that are one card, beside the shared one. */
export const loneStyle = files.get('card.css')!.toString();

/** The part of the head that all pages share. */
export const commonHead = files.get('head.html')!.toString();

/** The mark as an icon. */
export const icon = files.get('icon.svg')!;

/** Serves what pages share: the style, the icon, and scripts to import from `../common/`. */
export function routeCommon(server: Server): void {
  const scripts = [...files].filter(([name]) => name.endsWith('.js'));
  routeFiles(server, '/common', new Map([...scripts, ['icon.svg', icon], ['common.css', Buffer.from(commonStyle)]]));
}
