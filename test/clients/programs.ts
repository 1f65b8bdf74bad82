import { fetchEventSource } from '@microsoft/fetch-event-source';
import { EventSource as EventSource5 } from 'eventsource';
import EventSource2 from 'eventsource-2';
import { createParser } from 'eventsource-parser';
import { EventSource as LaunchDarklyEventSource } from 'launchdarkly-eventsource';
import { EventSource as UndiciEventSource } from 'undici';
import { connect } from '../../src/client/client.ts';
import { openPage } from './pages.ts';

/** What a program hands to its user: each poke's data, and how often it handed over an event without any. */
export type Heard = { readonly pokes: string[]; emptyEvents: number };

/** Subscribes a program, which resumes by itself; resolves to what stops it. */
export type Program = (url: string, heard: Heard) => Promise<() => Promise<void> | void>;

/** What all kinds of `EventSource` have in common. */
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

// fetch-event-source knows pages only. This is all it asks of one that is always seen.
Object.assign(globalThis, {
  window: globalThis,
  document: { hidden: false, addEventListener: () => {}, removeEventListener: () => {} },
});

/** As its README has it: what it is told goes to `onmessage`, and it comes back when an error is raised, not at an end. */
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

/** A loop that subscribes again behind the last id when its stream breaks, and only then. */
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

/** Our own. */
const viaPokewire: Program = async (url, heard) => {
  const { origin, searchParams } = new URL(url);
  const subscription = connect(origin).subscribe(
    { category: searchParams.getAll('category') },
    { onPoke: (poke) => heard.pokes.push(JSON.stringify(poke)), onReset: () => {} },
  );
  return () => subscription.close();
};

/** A page of Chromium. */
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

/** Programs of npm that people subscribe with, and a browser. */
export const programs: Readonly<Record<string, Program>> = {
  'pokewire/client': viaPokewire,
  'eventsource 2': viaEventSource((url) => new EventSource2(url)),
  'eventsource 5': viaEventSource((url) => new EventSource5(url) as Source),
  'launchdarkly-eventsource': viaEventSource((url) => {
    const source = new LaunchDarklyEventSource(url);
    // Without a listener an error is thrown.
    source.addEventListener('error', () => {});
    return source;
  }),
  'undici EventSource': viaEventSource((url) => new UndiciEventSource(url) as unknown as Source),
  'fetch-event-source': viaFetchEventSource,
  'eventsource-parser over fetch': viaParser,
  Chromium: viaChromium,
};
