import { type IncomingMessage, ServerResponse } from 'node:http';
import { version } from '../../version.ts';

/** What EventoDB calls itself, because programs that find it by this name are to find Pokewire; see docs/PROTOCOL.md. */
const serverLine = `server: EventoDB/${version}\r\n`;

/** None is kept by a cache, because most need a credential, or change at once. Pages and streams say something else. */
const cacheLine = 'cache-control: no-store\r\n';

/** No page of elsewhere embeds one, whatever it takes it for. */
const foreignLines = 'x-content-type-options: nosniff\r\ncross-origin-resource-policy: same-origin\r\n';

/** What every response says, whatever it says of caches. */
export const commonLines = serverLine + foreignLines;

const linesWithCache = serverLine + cacheLine + foreignLines;

/** What Node calls to write a head: the status line, and the headers by their names in lower case. */
type HeadWriter = ServerResponse & { _storeHeader(statusLine: string, headers: Headers | null): void };

type Headers = { readonly 'cache-control'?: unknown };

const NodeResponse = ServerResponse as unknown as new (request: IncomingMessage) => HeadWriter;

/**
 * A response that says what every response says. The lines are put behind the status line as they are: through Fastify and
 * Node, which look at each name and value again, they cost an append several percent of its time (load: append --compare).
 */
class HeadedResponse extends NodeResponse {
  override _storeHeader(statusLine: string, headers: Headers | null): void {
    const lines = headers?.['cache-control'] === undefined ? linesWithCache : commonLines;
    super._storeHeader(statusLine + lines, headers);
  }
}

/** For Node's `createServer`. */
export const CommonResponse = HeadedResponse as unknown as typeof ServerResponse;
