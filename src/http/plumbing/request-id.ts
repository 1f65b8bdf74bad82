import type { IncomingMessage } from 'node:http';
import { holdsToken } from './clean-text.ts';

/** Printable ASCII and tabs of a reasonable length, because it is logged and returned. */
const acceptable = /^[\t -~]{1,256}$/;

/** Gives each request an id: its `X-Request-Id` if printable and not a token, otherwise the next number. */
export function requestIds(): (request: IncomingMessage) => string {
  let last = 0;
  return ({ headers }) => {
    const given = headers['x-request-id'];
    if (typeof given === 'string' && acceptable.test(given) && !holdsToken(given)) return given;
    last++;
    return `req-${last.toString(36)}`;
  };
}
