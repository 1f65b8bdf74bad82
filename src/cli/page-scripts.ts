/** A verdict of the scripts of /diagnose, which `doctor` runs too so that both judge alike. */
export type Verdict = {
  readonly state: 'good' | 'mind' | 'bad';
  readonly value: string;
  readonly sentence: string;
  readonly settings: readonly {
    readonly who: string;
    readonly setting: string;
    readonly why: string;
    readonly untested?: boolean;
  }[];
};

/** The request as the server saw it. */
export type Seen = {
  readonly httpVersion: string;
  readonly host: string | null;
  readonly scheme: string;
  readonly address: string;
  readonly addressIsForwarded: boolean;
  readonly proxyHeaders: readonly string[];
  readonly heartbeatMs: number;
};

export type ConnectionMeasured = {
  readonly seen: Seen;
  readonly roundTripMs: number;
  readonly headers: { readonly server: string | null; readonly via: string | null };
  readonly protocol: string;
  readonly page: string;
  readonly scheme: string;
};

export type Delivery = {
  readonly headers: Readonly<Record<string, string>>;
  readonly isWhole: boolean;
  readonly ticks: readonly { readonly sentMs: number; readonly atMs: number; readonly piece: number }[];
};

export type SubscriptionMeasured = {
  readonly ageMs: number;
  readonly arrivals: readonly number[];
  readonly endedMs: number | undefined;
  readonly refused: string | undefined;
};

/** Reads an event stream of the server under this path. */
export type ReadStream = (path: string, options: StreamOptions) => Promise<unknown>;
export type StreamOptions = { readonly signal: AbortSignal; readonly accept?: string };

export type PageScripts = {
  readonly rhythm: { readonly events: number };
  readonly readEventStream: (
    url: string,
    options: StreamOptions & {
      readonly headers: Readonly<Record<string, string>>;
      readonly refusalOf: (response: Response) => Promise<string>;
    },
  ) => Promise<unknown>;
  readonly measureDelivery: (read: ReadStream, signal: AbortSignal) => Promise<Delivery>;
  readonly measureSilence: (
    read: ReadStream,
    options: { readonly seconds: number; readonly roundTripMs: number; readonly signal: AbortSignal },
  ) => Promise<{ readonly outcome: string }>;
  readonly Subscription: new (
    read: ReadStream,
    signal: AbortSignal,
  ) => { readonly measured: SubscriptionMeasured; greeted(): Promise<number | undefined> };
  readonly namedProxy: (connection: ConnectionMeasured) => string | undefined;
  readonly judgeConnection: (connection: ConnectionMeasured) => Verdict;
  readonly judgeDelivery: (delivery: Delivery, roundTripMs: number, due: number) => Verdict;
  readonly judgeCompression: (delivery: Delivery, delivered: Verdict) => Verdict;
  readonly judgeGreeting: (
    subscription: SubscriptionMeasured,
    greetedMs: number | undefined,
    roundTripMs: number,
    delivered: Verdict,
  ) => Verdict;
  readonly judgeSilence: (silence: unknown, subscription: SubscriptionMeasured, heartbeatMs: number) => Verdict;
};

/** Imports the page's scripts, which are plain JavaScript that the compiler does not see. */
export async function loadPageScripts(): Promise<PageScripts> {
  const folder = new URL('../http/pages/diagnose-page/', import.meta.url);
  const names = ['event-stream.js', 'measure.js', 'verdicts.js', 'silence-verdict.js'];
  const modules = await Promise.all(names.map((name) => import(new URL(name, folder).href)));
  return Object.assign({}, ...modules) as PageScripts;
}
