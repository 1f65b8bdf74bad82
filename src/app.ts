import type { FastifyBaseLogger } from 'fastify';
import { Access, type AuthMode } from './access/access.ts';
import { GrantWatch } from './access/grant-watch.ts';
import { defaultNamespaceId, Namespaces } from './access/namespaces.ts';
import { Tickets } from './access/tickets.ts';
import { newToken } from './access/token.ts';
import { DescriptorWatch, readDescriptors, subscriptionsWithin } from './admission/descriptors.ts';
import { OverloadWatch, overloadReasons } from './admission/overload.ts';
import { Places } from './admission/places.ts';
import { type MemorySource, ProcessMeter, warnOfStore } from './admission/process-meter.ts';
import { Readiness } from './admission/readiness.ts';
import { Transfers } from './admission/transfers.ts';
import type { Config } from './config.ts';
import { routeRpc } from './http/eventodb/route.ts';
import { routeDiagnose } from './http/pages/diagnose.ts';
import { describeRoutes, routeDocs } from './http/pages/docs.ts';
import { TestStreams } from './http/pages/test-streams.ts';
import { useAccessLog } from './http/plumbing/access-log.ts';
import { Listener } from './http/plumbing/listener.ts';
import { collectRoutes, createServer, refuseOtherMethods } from './http/plumbing/server.ts';
import { AppendStats, appendTo, routeAppend } from './http/routes/append.ts';
import { routeCategories } from './http/routes/categories.ts';
import { routeExport } from './http/routes/export.ts';
import { routeImport } from './http/routes/import.ts';
import { routeOperations } from './http/routes/operations.ts';
import { routeSession } from './http/routes/session.ts';
import { routeStreams } from './http/routes/streams.ts';
import { routeSubscribe } from './http/routes/subscribe.ts';
import { routeTickets } from './http/routes/ticket.ts';
import { closeReasons } from './hub/close-reason.ts';
import { Hub, type HubObserver } from './hub/hub.ts';
import { Poke } from './message/poke.ts';
import { selectionKinds } from './message/selection.ts';
import { BufferPool } from './pool/buffer-pool.ts';
import { ObjectPool } from './pool/object-pool.ts';
import { DirectFrameEncoder, PlainFrameEncoder } from './sse/frame.ts';
import { openNamespaces, openStore, storeKind } from './store/open-store.ts';
import { type MetricSources, Metrics } from './telemetry/metrics.ts';
import { version } from './version.ts';

/** Requests that are still running when the server stops have this long. */
const closeGraceMs = 10_000;
const poolSettleMs = 1_000;

/** What an app is started with. */
export type AppOptions = {
  readonly config: Config;
  readonly log: FastifyBaseLogger;
  /** What the process says of its memory. */
  readonly memory: MemorySource;
  /** A store to use in place of the configured one, for tests that make it slow or let it fail. */
  readonly openStore?: typeof openStore;
};

/** A running server. */
export type App = {
  /** Where it answers, one URL an address. */
  readonly urls: readonly string[];
  /** Token of the namespace `default`, when it was made at the start and nobody knows it yet. */
  readonly newToken: string | undefined;
  readonly authMode: AuthMode;
  readonly hub: Hub;
  readonly namespaces: Namespaces;
  readonly transfers: Transfers;
  readonly pools: Pools;
  readonly metrics: Metrics;
  /** Stops: not ready, no new connections, running requests finish, subscriptions end, the store closes. */
  close(): Promise<void>;
};

/** The pools of a process. */
export type Pools = { readonly pokes: ObjectPool<Poke>; readonly buffers: BufferPool };

/** Opens the store, joins it to the hub, adds the routes, and listens. */
export async function startApp(options: AppOptions): Promise<App> {
  const { config, log, memory } = options;
  const pools = createPools(config);
  const store = await (options.openStore ?? openStore)({ pokes: pools.pokes, maxBytes: config.storeMaxBytes });
  const metrics = new Metrics();
  const meter = new ProcessMeter(memory);
  warnOfStore(config, meter.memoryBytes, log);
  const overload = new OverloadWatch(config, meter, (reasons) => {
    if (reasons.length === 0) log.info('no longer overloaded');
    else log.warn({ reasons, memoryRatio: overload.memoryRatio }, 'overloaded: new subscriptions are refused');
  });
  const maxSubscriptions = subscriptionsWithin(readDescriptors(), config.maxSubscriptions, log);
  const descriptors = new DescriptorWatch(log);
  const places = new Places({ ...config, maxSubscriptions }, overload);
  const hub = new Hub({
    store,
    buffers: pools.buffers,
    encoder: config.pooling === 'on' ? new DirectFrameEncoder() : new PlainFrameEncoder(),
    observer: observe(metrics, places, log),
    heartbeatMs: config.heartbeatMs,
    stallTimeoutMs: config.stallTimeoutMs,
  });
  const namespaces = new Namespaces(await openNamespaces(), store, ({ log: namespace }) => hub.endNamespace(namespace));
  const initialToken = config.token === '' ? newToken(defaultNamespaceId) : config.token;
  if (await namespaces.openDefault(initialToken)) log.warn('the token of this start replaced all tokens of `default`');
  const access = new Access(config.auth === 'off' ? 'off' : 'token', namespaces);
  const tickets = new Tickets(namespaces);
  const transfers = new Transfers(config);
  const watch = new GrantWatch(namespaces, hub, transfers);
  const settling = setInterval(() => settle(pools), poolSettleMs).unref();

  const testStreams = new TestStreams();
  const appends = new AppendStats();
  const readiness = new Readiness({ store, appends, overload });
  metrics.bind(sourcesOf({ hub, pools, appends, overload, readiness, maxSubscriptions }));

  const server = createServer({ log, access, tickets, overload, ...config });
  const routes = collectRoutes(server);
  useAccessLog(server, metrics);
  describeRoutes(server, version);
  server.after(() => {
    const append = appendTo(store, appends);
    routeAppend(server, append);
    routeStreams(server, store);
    routeCategories(server, store);
    const refused = () =>
      metrics.subscriptionsRefused.inc({ reason: overload.reasons.length > 0 ? 'overloaded' : 'no-place' });
    routeSubscribe(server, store, hub, { ...config, places, refused });
    routeTickets(server, tickets, config.maxSelectors);
    routeSession(server, access.mode);
    routeImport(server, store, { ...config, transfers });
    routeExport(server, store, transfers);
    routeOperations(server, {
      version,
      metrics,
      readiness,
      metricsToken: config.metricsToken,
      metricsGrant: async () => ({
        namespace: await namespaces.get(defaultNamespaceId),
        scope: 'read',
        tokenId: undefined,
        isOperator: false,
      }),
    });
    routeRpc(server, {
      store,
      append,
      namespaces,
      auth: access.mode,
      testToken: config.testMode ? initialToken : undefined,
      version,
      backend: storeKind,
      connections: () => hub.subscriptions.size,
      checkReady: () => readiness.check(),
    });
    routeDocs(server, access.mode);
    routeDiagnose(server, { mode: access.mode, streams: testStreams, heartbeatMs: config.heartbeatMs });
    refuseOtherMethods(server, routes);
  });
  await server.ready();

  const listener = new Listener((request, response) => server.routing(request, response), {
    ...config,
    failed: (error) => log.error({ err: error }, 'a connection could not be accepted'),
  });
  const urls = await listener.listen(config.host, config.port);

  return {
    urls,
    authMode: access.mode,
    newToken: access.mode === 'token' && config.token === '' ? initialToken : undefined,
    hub,
    namespaces,
    transfers,
    pools,
    metrics,
    async close() {
      readiness.stop();
      listener.stopAccepting();
      testStreams.endAll();
      await hub.endAll('draining', config.drainMs);
      await listener.close(closeGraceMs);
      hub.stop();
      watch.stop();
      overload.stop();
      meter.stop();
      descriptors.stop();
      clearInterval(settling);
      await server.close();
      await store.close();
    },
  };
}

function createPools(config: Config): Pools {
  const bounds = (min: number, max: number) => (config.pooling === 'on' ? { min, max } : { min: 0, max: 0 });
  return {
    pokes: new ObjectPool(() => new Poke(), bounds(config.pokePoolMin, config.pokePoolMax)),
    buffers: new BufferPool(bounds(config.bufferPoolMin, config.bufferPoolMax)),
  };
}

function settle({ pokes, buffers }: Pools): void {
  pokes.settle();
  buffers.settle();
}

function observe(metrics: Metrics, places: Places, log: FastifyBaseLogger): HubObserver {
  return {
    opened({ kind, selection }) {
      metrics.subscriptionsOpened.inc({ kind });
      log.info({ kind, streams: selection.streams.length, categories: selection.categories.length }, 'subscribed');
    },
    closed({ kind, pokes, bytesSent, openedAtMs, holder }, reason) {
      places.release(holder);
      const seconds = (performance.now() - openedAtMs) / 1000;
      metrics.subscriptionsClosed.inc({ reason });
      metrics.subscriptionDuration.observe({ kind }, seconds);
      log.info({ kind, reason, pokes, bytes: bytesSent, seconds: Math.round(seconds * 1000) / 1000 }, 'unsubscribed');
    },
    readFailed({ kind, cursor }, error) {
      metrics.catchUpFailures.inc();
      log.error({ err: error, kind, cursor }, 'the log could not be read for a subscription');
    },
    told: (delayMs) => metrics.pokeDelay.observe(delayMs / 1000),
  };
}

type Parts = {
  readonly hub: Hub;
  readonly pools: Pools;
  readonly appends: AppendStats;
  readonly overload: OverloadWatch;
  readonly readiness: Readiness;
  readonly maxSubscriptions: number;
};

function sourcesOf({ hub, pools, appends, overload, readiness, maxSubscriptions }: Parts): MetricSources {
  return {
    messagesAppended: () => appends.messages,
    appends: () => Object.entries(appends.outcomes),
    pokesSent: () => ({ live: hub.turn.stats.pokes, catchUp: hub.catchUp.pokes }),
    bytesSent: () => ({ live: hub.turn.stats.bytes, catchUp: hub.catchUp.bytes }),
    framesEncoded: () => hub.turn.stats.framesEncoded,
    laggingEpisodes: () => hub.laggingEpisodes,
    catchUpReads: () => hub.catchUp.reads,
    catchUpWaiting: () => hub.catchUp.waiting,
    subscriptions: () => hub.census(),
    selectionKinds,
    closeReasons,
    maxSubscriptions,
    overloadReasons,
    overloaded: () => overload.reasons,
    memoryRatio: () => overload.memoryRatio,
    version,
    *pools() {
      yield { pool: 'pokes', size: pools.pokes.size, stats: pools.pokes.stats };
      for (const [bytes, { size, stats }] of pools.buffers.classes) yield { pool: `buffers-${bytes}`, size, stats };
      yield { pool: 'buffers-oversized', size: 0, stats: pools.buffers.oversizedStats };
    },
    store: () => readiness.storeUsage(),
    storeFull: async () => (await readiness.storeState()) === 'full',
    ready: () =>
      readiness.check().then(
        () => true,
        () => false,
      ),
  };
}
