import { version } from '../../version.ts';

/** Links of the header, in order. */
export const headerLinks: readonly { readonly path: string; readonly text: string }[] = [
  { path: '/docs', text: 'Try it' },
  { path: '/browse', text: 'Streams' },
  { path: '/consumer-groups', text: 'Groups' },
  { path: '/diagnose', text: 'Diagnose' },
  { path: '/reference', text: 'API' },
];

/** The parts that differ between headers. */
type HeaderOptions = {
  /** Path of the page; undefined if the header has no link to it. */
  readonly current?: string;
  readonly root?: string;
  /** Whether there is a button to sign out, which needs `common/sign-out.js`. */
  readonly hasSession?: boolean;
};

/**
 * The header of every page. `root`: relative path from the page to the server's root, because a proxy may add a path
 * prefix. A page shows the state of its connection in `#top-state`.
 */
export function headerOf({ current, root = '', hasSession = false }: HeaderOptions): string {
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
${hasSession ? '      <button type="button" id="sign-out" class="small">Sign out</button>\n' : ''}      <span class="version">${version}</span>
    </header>
`;
}
