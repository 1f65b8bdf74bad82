import type { FastifyBaseLogger } from 'fastify';
import { Access, type AuthMode } from './access/access.ts';
import { GrantWatch } from './access/grant-watch.ts';
import { defaultNamespaceId, Namespaces } from './access/namespaces.ts';
import { ProcessTickets } from './access/process-tickets.ts';
import { Tickets } from './access/tickets.ts';
import { newToken } from './access/token.ts';
import { measureAdmission, measureReads } from './admission/admission-metrics.ts';
import { AppendStats } from './admission/append-stats.ts';
import { DescriptorWatch, readDescriptors, subscriptionsWithin } from './admission/descriptors.ts';
import { OverloadWatch } from './admission/overload.ts';
import { Places } from './admission/places.ts';
import { type MemorySource, ProcessMeter, warnOfStore } from './admission/process-meter.ts';
import { Readiness } from './admission/readiness.ts';
import { Reads } from './admission/reads.ts';
import { Transfers } from './admission/transfers.ts';
import type { Config } from './config.ts';
import { ConsumerGroups } from './groups/consumer-groups.ts';
import { measureGroups } from './groups/group-metrics.ts';
import { routeRpc } from './http/eventodb/route.ts';
import { routeBrowsePage } from './http/pages/browse.ts';
import { routeCommon } from './http/pages/common.ts';
import { routeDiagnose } from './http/pages/diagnose.ts';
import { describeRoutes, routeDocs } from './http/pages/docs.ts';
import { routeGroupsPage } from './http/pages/groups.ts';
import { refusalPages } from './http/pages/refusal-page.ts';
import { TestStreams } from './http/pages/test-streams.ts';
import { useAccessLog } from './http/plumbing/access-log.ts';
import { closeGraceMs, Listener } from './http/plumbing/listener.ts';
import { messagesBy } from './http/plumbing/message-pages.ts';
import { pagesBy } from './http/plumbing/paged-answer.ts';
import { collectRoutes, createServer, refuseOtherMethods } from './http/plumbing/server.ts';
import { appendTo, routeAppend } from './http/routes/append.ts';
import { routeBackup } from './http/routes/backup.ts';
import { routeCategories } from './http/routes/categories.ts';
import { routeErasure } from './http/routes/erasure.ts';
import { routeExport } from './http/routes/export.ts';
import { routeGroupAdmin } from './http/routes/groups/group-admin.ts';
import { routeGroupPlan } from './http/routes/groups/group-plan.ts';
import { routeGroupReads } from './http/routes/groups/group-reads.ts';
import { routeGroupWork } from './http/routes/groups/group-work.ts';
import { routeImport } from './http/routes/import.ts';
import { routeOperations } from './http/routes/operations.ts';
import { routeRetention } from './http/routes/retention.ts';
import { routeSession, useSessions } from './http/routes/session.ts';
import { routeStreams } from './http/routes/streams.ts';
import { routeSubscribe } from './http/routes/subscribe.ts';
import { routeTickets } from './http/routes/ticket.ts';
import { transfersBy } from './http/routes/transfer.ts';
import { readRetryDelays } from './hub/back-off.ts';
import { Hub } from './hub/hub.ts';
import { countHubEvents, measureHub } from './hub/hub-metrics.ts';
import { observeHub } from './hub/observe-hub.ts';
import type { Poke } from './message/poke.ts';
import { measurePools } from './pool/pool-metrics.ts';
import { createPools, keepSettling, type Pools } from './pool/pools.ts';
import { keepEveryMs, RetentionKeeper } from './retention/retention-keeper.ts';
import { measureRetention } from './retention/retention-metrics.ts';
import { RetentionRules } from './retention/retention-rules.ts';
import { DirectFrameEncoder, PlainFrameEncoder } from './sse/frame.ts';
import { type OpenStore, openStore } from './store/open-store.ts';
import type { RetentionLimits } from './store/retention.ts';
import type { Store } from './store/store.ts';
import type { LogLoss } from './telemetry/log-blocks.ts';
import { measureLogs } from './telemetry/log-metrics.ts';
import { Metrics } from './telemetry/metrics.ts';
import { version } from './version.ts';

/** Options of an app. */
export type AppOptions = {
  readonly config: Config;
  readonly log: FastifyBaseLogger;
  /** Memory figures of the process. */
  readonly memory: MemorySource;
  /** Log lines dropped so far; absent: none ever are. */
  readonly droppedLogs?: LogLoss;
  /** Opens a store other than the configured one, for tests that slow it down or make it fail. */
  readonly openStore?: OpenStore;
};

/** A running server. */
export type App = {
  /** URLs it listens on, one per address. */
  readonly urls: readonly string[];
  /** Token of the namespace `default`, if it was generated at the start. */
  readonly newToken: string | undefined;
  readonly authMode: AuthMode;
  readonly store: Store;
  readonly hub: Hub;
  readonly namespaces: Namespaces;
  readonly transfers: Transfers;
  readonly reads: Reads;
  readonly pools: Pools<Poke>;
  readonly metrics: Metrics;
  /** Shuts down: becomes not ready, stops accepting connections, finishes running requests, ends subscriptions, closes the store. */
  close(): Promise<void>;
};

/**
 * Opens the store, connects it to the hub, adds the routes, and listens. A failed start closes everything it has
 * opened.
 */
export async function startApp(options: AppOptions): Promise<App> {
  const { config, log, memory } = options;
  await using stack = new AsyncDisposableStack();
  const metrics = new Metrics(version);
  measureLogs(metrics, options.droppedLogs ?? { lines: 0, bytes: 0 });

  const pools = createPools(config);
  measurePools(metrics, pools);
  stack.defer(keepSettling(pools));

  const retention: RetentionLimits = {
    maxAgeMs: config.retentionMaxAgeMs || undefined,
    maxMessages: config.retentionMaxMessages || undefined,
    maxBytes: config.retentionMaxBytes || undefined,
  };
  const open = options.openStore ?? openStore;
  const store = await open(config.store, {
    pokes: pools.pokes,
    log,
    maxBytes: config.storeMaxBytes,
    maxBytesPerNamespace: config.storeMaxBytesPerNamespace,
    maxNamespaces: config.maxNamespaces,
    retention,
  });
  stack.defer(() => store.close());
  store.measure(metrics);
  if (store.opening.warning !== undefined) log.warn(store.opening.warning);

  const meter = stack.adopt(new ProcessMeter(memory), (opened) => opened.stop());
  if (store.kind === 'memory') warnOfStore(config, meter.memoryBytes, log);
  const overload = stack.adopt(
    new OverloadWatch(config, meter, (reasons) => {
      if (reasons.length === 0) log.info('no longer overloaded');
      else log.warn({ reasons, memoryRatio: overload.memoryRatio }, 'overloaded: new subscriptions are refused');
    }),
    (watch) => watch.stop(),
  );
  stack.adopt(new DescriptorWatch(log), (watch) => watch.stop());
  const maxSubscriptions = subscriptionsWithin(readDescriptors(), config.maxSubscriptions, log);
  const places = new Places({ ...config, maxSubscriptions }, overload);

  const namespaces = new Namespaces(store);
  stack.defer(() => namespaces.stop());
  const initialToken = config.token === '' ? newToken(defaultNamespaceId) : config.token;
  const becameOfToken = await namespaces.openDefault(initialToken, config.token !== '');
  if (becameOfToken === 'replaced') log.warn('the configured token replaced all tokens of `default`');
  const access = new Access(config.auth === 'off' ? 'off' : 'token', namespaces, config.testMode);
  const tickets = new Tickets(namespaces, store.tickets ?? new ProcessTickets());
  const transfers = new Transfers(config);
  const grants = stack.adopt(new GrantWatch(store.namespaces), (watch) => watch.stop());

  const hub = stack.adopt(
    new Hub({
      ...config,
      ...pools,
      store,
      retryDelays: readRetryDelays,
      encoder: config.pooling === 'on' ? new DirectFrameEncoder() : new PlainFrameEncoder(),
      observer: observeHub(countHubEvents(metrics), log, (id) => grants.logGone(id)),
    }),
    (opened) => opened.stop(),
  );
  measureHub(metrics, hub);
  const { groups: records } = store;
  const groups =
    records === undefined
      ? undefined
      : stack.adopt(
          new ConsumerGroups({ store, records, log, stallTimeoutMs: config.stallTimeoutMs, retention }),
          (opened) => opened.stop(),
        );
  measureGroups(metrics, groups);
  const rules = new RetentionRules(store, retention);
  const keeper = store.capabilities.retention
    ? stack.adopt(new RetentionKeeper({ store, log, everyMs: keepEveryMs }), (opened) => opened.stop())
    : undefined;
  const erased = measureRetention(metrics, keeper);
  const appends = new AppendStats();
  const readiness = new Readiness({ store, appends, overload, failingLogs: () => hub.failingLogs });
  const refused = measureAdmission(metrics, { appends, overload, readiness, maxSubscriptions });
  const testStreams = new TestStreams();

  const reads = new Reads(config, overload);
  const readRefused = measureReads(metrics, reads);
  const refusalPage = refusalPages(access.mode);
  const server = createServer({ log, access, tickets, overload, reads, readRefused, refusalPage, ...config });
  stack.defer(() => server.close());
  const routes = collectRoutes(server);
  useAccessLog(server, metrics, log);
  describeRoutes(server, version);
  server.after(() => {
    const append = appendTo(store, appends);
    const beginTransfer = transfersBy(transfers, grants);
    routeAppend(server, append);
    const sendPages = pagesBy(grants);
    const sendMessages = messagesBy(sendPages);
    routeStreams(server, store, sendMessages);
    routeCategories(server, store, sendMessages);
    routeErasure(server, store, erased);
    routeRetention(server, rules);
    routeSubscribe(server, hub, {
      ...config,
      places,
      grants,
      groups,
      refused: () => refused(overload.reasons.length > 0 ? 'overloaded' : 'no-place'),
    });
    routeTickets(server, tickets, config.maxSelectors);
    routeGroupWork(server, groups);
    routeGroupReads(server, groups);
    routeGroupPlan(server, groups);
    routeGroupAdmin(server, groups);
    routeImport(server, store, { ...config, begin: beginTransfer });
    routeExport(server, store, beginTransfer, sendPages);
    routeBackup(server, store, beginTransfer);
    routeOperations(server, {
      version,
      metrics,
      readiness,
      metricsToken: config.metricsToken,
      metricsGrant: async () => ({
        namespace: await namespaces.get(defaultNamespaceId),
        scope: 'admin',
        tokenId: undefined,
        expiresAtMs: undefined,
        isOperator: true,
      }),
    });
    routeRpc(server, {
      store,
      append,
      sendMessages,
      sendPages,
      namespaces,
      rules,
      erased,
      testToken: config.testMode ? initialToken : undefined,
      bodyLimitBytes: config.bodyLimitBytes,
      version,
      backend: store.kind,
      connections: (namespaceId) => (namespaceId === undefined ? places.taken : places.takenBy(namespaceId)),
      checkReady: () => readiness.check(),
    });
    server.register(async (pages) => {
      await useSessions(pages);
      routeSession(pages, access.mode);
      routeCommon(pages);
      routeDocs(pages, access.mode);
      routeBrowsePage(pages, access.mode);
      routeGroupsPage(pages, access.mode);
      routeDiagnose(pages, { mode: access.mode, streams: testStreams, heartbeatMs: config.heartbeatMs });
      refuseOtherMethods(pages, routes);
    });
  });
  await server.ready();

  const listener = new Listener({
    ...config,
    answer: (request, response) => server.routing(request, response),
    broken: server.noteBroken,
    refused: server.noteRefused,
    failed: (error) => log.error({ err: error }, 'a connection could not be accepted'),
  });
  const urls = await listener.listen(config.host, config.port);
  stack.defer(async () => {
    readiness.stop();
    listener.stopAccepting();
    testStreams.endAll();
    groups?.endAll('draining');
    await hub.endAll('draining', config.drainMs);
    await listener.close(closeGraceMs);
  });

  const opened = stack.move();
  return {
    urls,
    authMode: access.mode,
    newToken: access.mode === 'token' && config.token === '' && becameOfToken !== 'kept' ? initialToken : undefined,
    store,
    hub,
    namespaces,
    transfers,
    reads,
    pools,
    metrics,
    close: () => opened.disposeAsync(),
  };
}
