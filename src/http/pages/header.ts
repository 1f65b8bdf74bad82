import { version } from '../../version.ts';

/** Links of the header, in order. */
export const headerLinks: readonly { readonly path: string; readonly text: string }[] = [
  { path: '/docs', text: 'Try it' },
  { path: '/browse', text: 'Streams' },
  { path: '/consumer-groups', text: 'Groups' },
  { path: '/diagnose', text: 'Diagnose' },
  { path: '/reference', text: 'API' },
];

/**
 * The header of every page. `root`: relative path from the page to the server's root, because a proxy may add a path
 * prefix. A page shows the state of its connection in `#top-state`.
 */
export function headerOf(current: string | undefined, root = ''): string {
  const links = headerLinks.map(({ path, text }) => {
    const mark = path === current ? ' aria-current="page"' : '';
    return `        <a href="${root}${path.slice(1)}"${mark}>${text}</a>\n`;
  });
  return `    <header class="top">
      <a class="skip" href="#main">Skip to content</a>
      <a class="brand" href="${root}docs" aria-label="Pokewire">
        <svg viewBox="0 0 34 20" aria-hidden="true">
          <path d="M1 12h9l3.2-10 4.4 16 3-8H33" />
        </svg>
        <span>Pokewire</span>
      </a>
      <nav class="pages" aria-label="Pages">
${links.join('')}      </nav>
      <div id="top-state" class="top-state"></div>
      <span class="version">${version}</span>
    </header>
`;
}
