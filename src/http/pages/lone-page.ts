import { createHash } from 'node:crypto';
import { commonStyle, icon, loneStyle } from './common.ts';
import { documentOf } from './document.ts';
import { headerOf } from './header.ts';

const style = `${commonStyle}\n${loneStyle}`;
const styleHash = hashOf(style);
const iconUrl = `data:image/svg+xml;base64,${icon.toString('base64')}`;

/** Content of a page that needs no other file. */
export type LonePage = {
  readonly title: string;
  /** Relative path from the page to the server's root, for example `../`. */
  readonly root: string;
  /** Markup of its card. */
  readonly card: string;
  /** A script to run; undefined: none. */
  readonly script?: string;
};

/**
 * A page with a single card, self-contained because it is also shown to visitors who may not read the pages' files. Its
 * policy permits only the script and style with the right hashes.
 */
export function lonePage({ title, root, card, script }: LonePage) {
  const html = documentOf({
    title: `${title} – Pokewire`,
    head: `    <link rel="icon" type="image/svg+xml" href="${iconUrl}">
    <style>${style}</style>
`,
    body: `${headerOf({ root })}
    <main id="main" class="lone" tabindex="-1">
      <div class="panel card">
${card}
      </div>
    </main>
${script === undefined ? '' : `    <script>${script}</script>\n`}`,
  });
  const scriptSource = script === undefined ? '' : `script-src '${hashOf(script)}'; connect-src 'self'; `;
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-security-policy':
      `default-src 'none'; ${scriptSource}style-src '${styleHash}'; img-src data:; base-uri 'none'; ` +
      "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
  };
  return { headers, html };
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
