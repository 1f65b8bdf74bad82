import { fetchEventSource } from '@microsoft/fetch-event-source';
import { EventSource as EventSource5 } from 'eventsource';
import EventSource2 from 'eventsource-2';
import { createParser } from 'eventsource-parser';
import { EventSource as LaunchDarklyEventSource } from 'launchdarkly-eventsource';
import { EventSource as UndiciEventSource } from 'undici';
import { connect } from '../../src/client/client.ts';
import { openPage } from './pages.ts';

/** Output of a program: each poke's data, and the number of events without data. */
export type Heard = { readonly pokes: string[]; emptyEvents: number };

/** Starts a program that resumes automatically; resolves to the function that stops it. */
export type Program = (url: string, heard: Heard) => Promise<() => Promise<void> | void>;

/** The part common to all implementations of `EventSource`. */
type Source = {
  addEventListener(type: 'poke' | 'message', listener: (event: { readonly data: string }) => void): void;
  close(): void;
};

function viaEventSource(make: (url: string) => Source): Program {
  return async (url, heard) => {
    const source = make(url);
    source.addEventListener('poke', ({ data }) => heard.pokes.push(data));
    source.addEventListener('message', () => heard.emptyEvents++);
    return () => source.close();
  };
}

// fetch-event-source works in pages only. These are the globals it needs, as for a visible page.
Object.assign(globalThis, {
  window: globalThis,
  document: { hidden: false, addEventListener: () => {}, removeEventListener: () => {} },
});

/** As in its README: events go to `onmessage`, and it reconnects after an error, but not after a regular end. */
const viaFetchEventSource: Program = async (url, heard) => {
  const stopping = new AbortController();
  const running = fetchEventSource(url, {
    signal: stopping.signal,
    onmessage({ event, data }) {
      if (event === 'poke') heard.pokes.push(data);
      else if (event === '') heard.emptyEvents++;
    },
  });
  return async () => {
    stopping.abort();
    await running;
  };
};

/** A loop that subscribes again with the last id when its stream breaks, and only then. */
const viaParser: Program = async (url, heard) => {
  const stopping = new AbortController();
  let lastEventId = '';
  const parser = createParser({
    onEvent({ event, data, id }) {
      lastEventId = id ?? lastEventId;
      if (event === 'poke') heard.pokes.push(data);
      else if (event === undefined) heard.emptyEvents++;
    },
  });
  const once = async () => {
    const headers = { accept: 'text/event-stream', ...(lastEventId !== '' && { 'last-event-id': lastEventId }) };
    const response = await fetch(url, { headers, signal: stopping.signal });
    const text = response.body!.pipeThrough(new TextDecoderStream());
    for await (const piece of text) parser.feed(piece);
  };
  const running = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await once();
        return;
      } catch {
        parser.reset();
      }
    }
  })();
  return async () => {
    stopping.abort();
    await running;
  };
};

/** `pokewire/client`. */
const viaPokewire: Program = async (url, heard) => {
  const { origin, searchParams } = new URL(url);
  const subscription = connect(origin).subscribe(
    { category: searchParams.getAll('category') },
    { onPoke: (poke) => heard.pokes.push(JSON.stringify(poke)), onReset: () => {} },
  );
  return () => subscription.close();
};

/** A page in Chromium. */
const viaChromium: Program = async (url, heard) => {
  const page = await openPage(new URL(url).origin);
  await page.exposeFunction('tell', (type: string, data: string) => {
    if (type === 'poke') heard.pokes.push(data);
    else heard.emptyEvents++;
  });
  await page.evaluate(
    `const source = new EventSource(${JSON.stringify(url)});
     for (const type of ['poke', 'message']) source.addEventListener(type, ({ data }) => tell(type, data));`,
  );
  return () => page.context().close();
};

/** Client libraries from npm, and a browser. */
export const programs: Readonly<Record<string, Program>> = {
  'pokewire/client': viaPokewire,
  'eventsource 2': viaEventSource((url) => new EventSource2(url)),
  'eventsource 5': viaEventSource((url) => new EventSource5(url) as Source),
  'launchdarkly-eventsource': viaEventSource((url) => {
    const source = new LaunchDarklyEventSource(url);
    // Without a listener, errors are thrown.
    source.addEventListener('error', () => {});
    return source;
  }),
  'undici EventSource': viaEventSource((url) => new UndiciEventSource(url) as unknown as Source),
  'fetch-event-source': viaFetchEventSource,
  'eventsource-parser over fetch': viaParser,
  Chromium: viaChromium,
};
