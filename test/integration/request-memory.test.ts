import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { heldBytes } from '../support/held-bytes.ts';
import { SseClient } from '../support/sse-client.ts';
import { startTestApp } from '../support/start-app.ts';

/** Published by Node's HTTP server for each request. */
const started = 'http.server.request.start';

test.each([
  { who: 'a subscriber', query: 'category=account&hello=true', event: 'hello' },
  { who: 'a member of a consumer group', query: 'category=account&group=billing&member=one&size=1', event: 'assigned' },
])('Nothing of the request of $who stays in memory while its stream is open.', async ({ query, event }) => {
  await using app = await startTestApp();
  const requests: WeakRef<IncomingMessage>[] = [];
  const note = (message: unknown) => {
    requests.push(new WeakRef((message as { readonly request: IncomingMessage }).request));
  };
  subscribe(started, note);
  await using client = await SseClient.connect(app.port, `/subscribe?${query}`);
  unsubscribe(started, note);
  await client.waitFor(() => client.events.some(({ type }) => type === event), event);
  expect(requests).toHaveLength(1);
  await expect
    .poll(() => {
      // Collects garbage.
      heldBytes();
      return requests.filter((request) => request.deref() !== undefined).length;
    })
    .toBe(0);
});
