import { withPostgres } from './lib/message-db.ts';
import { withNats } from './lib/nats.ts';
import { readerMissing } from './lib/reader.ts';
import type { Scenario } from './lib/scenario.ts';
import { append } from './scenarios/append.ts';
import { appendBatch } from './scenarios/append-batch.ts';
import { catchUp } from './scenarios/catch-up.ts';
import { catchUpStorm } from './scenarios/catch-up-storm.ts';
import { concurrentPublishers } from './scenarios/concurrent-publishers.ts';
import { connectionStorm } from './scenarios/connection-storm.ts';
import { consumerGroups } from './scenarios/consumer-groups.ts';
import { durableAppend } from './scenarios/durable-append.ts';
import { durableBackup } from './scenarios/durable-backup.ts';
import { durableCatchUp } from './scenarios/durable-catch-up.ts';
import { durableDelivery } from './scenarios/durable-delivery.ts';
import { durableSize } from './scenarios/durable-size.ts';
import { encoding } from './scenarios/encoding.ts';
import { fanOut } from './scenarios/fan-out.ts';
import { fewSubscribers } from './scenarios/few-subscribers.ts';
import { groupAcks } from './scenarios/group-acks.ts';
import { groupHandOver } from './scenarios/group-handover.ts';
import { groupIdle } from './scenarios/group-idle.ts';
import { idleMemory } from './scenarios/idle-memory.ts';
import { importBeside } from './scenarios/import-beside.ts';
import { latency } from './scenarios/latency.ts';
import { metricsUnderLoad } from './scenarios/metrics-under-load.ts';
import { natsAppend } from './scenarios/nats-append.ts';
import { natsCatchUp } from './scenarios/nats-catch-up.ts';
import { natsDelivery } from './scenarios/nats-delivery.ts';
import { natsGroups } from './scenarios/nats-groups.ts';
import { natsPages } from './scenarios/nats-pages.ts';
import { pooling } from './scenarios/pooling.ts';
import { postgresAppend } from './scenarios/postgres-append.ts';
import { postgresDelivery } from './scenarios/postgres-delivery.ts';
import { postgresLoad } from './scenarios/postgres-load.ts';
import { postgresNodes } from './scenarios/postgres-nodes.ts';
import { postgresPages } from './scenarios/postgres-pages.ts';
import { retention } from './scenarios/retention.ts';
import { scatteredStreams } from './scenarios/scattered-streams.ts';
import { stalled } from './scenarios/stalled.ts';
import { storeMemory } from './scenarios/store-memory.ts';
import { subscribers } from './scenarios/subscribers.ts';

/** The scenario, or one that reports why it is not measured if the reader in C cannot run. */
function withReader(scenario: string, measured: Scenario): Scenario {
  if (readerMissing === undefined) return measured;
  const missing = [{ peer: scenario, why: readerMissing }];
  return async () => ({ scenario, settings: {}, series: [], missing, verdicts: [] });
}

/** Scenarios of durable stores. Not part of a full run, because they take several minutes. */
export const durableScenarios: Readonly<Record<string, Scenario>> = {
  'durable-append': durableAppend,
  'durable-delivery': withReader('durable-delivery', durableDelivery),
  'durable-catch-up': durableCatchUp,
  'durable-backup': durableBackup,
  'durable-size': durableSize,
  retention,
};

/** Scenarios of PostgreSQL with Message DB, compared with its own functions; a separate run of some minutes. */
export const postgresScenarios: Readonly<Record<string, Scenario>> = {
  'postgres-append': withPostgres('postgres-append', postgresAppend),
  'postgres-delivery': withPostgres('postgres-delivery', withReader('postgres-delivery', postgresDelivery)),
  'postgres-load': withPostgres('postgres-load', postgresLoad),
  'postgres-nodes': withPostgres('postgres-nodes', withReader('postgres-nodes', postgresNodes)),
  'postgres-pages': withPostgres('postgres-pages', postgresPages),
};

/** Scenarios of JetStream as a log, compared with plain publishes and the memory store; a separate run of some minutes. */
export const natsScenarios: Readonly<Record<string, Scenario>> = {
  'nats-append': withNats('nats-append', natsAppend),
  'nats-delivery': withNats('nats-delivery', withReader('nats-delivery', natsDelivery)),
  'nats-catch-up': withNats('nats-catch-up', natsCatchUp),
  'nats-pages': withNats('nats-pages', natsPages),
  'nats-groups': withNats('nats-groups', natsGroups),
};

/** Scenarios of consumer groups with members, on one node and on PostgreSQL; a separate run of some minutes. */
export const groupScenarios: Readonly<Record<string, Scenario>> = {
  'group-handover': withPostgres('group-handover', groupHandOver),
  'group-acks': withPostgres('group-acks', groupAcks),
  'group-idle': withPostgres('group-idle', groupIdle),
};

/** By name, in the order of a full run, most important first. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  latency: withReader('latency', latency),
  'fan-out': withReader('fan-out', fanOut),
  'concurrent-publishers': withReader('concurrent-publishers', concurrentPublishers),
  'few-subscribers': withReader('few-subscribers', fewSubscribers),
  pooling: withReader('pooling', pooling),
  encoding,
  append: withReader('append', append),
  'append-batch': appendBatch,
  'connection-storm': withReader('connection-storm', connectionStorm),
  'idle-memory': withReader('idle-memory', idleMemory),
  'scattered-streams': scatteredStreams,
  'consumer-groups': consumerGroups,
  stalled,
  'catch-up': catchUp,
  'catch-up-storm': catchUpStorm,
  'import-beside': importBeside,
  'store-memory': storeMemory,
  'metrics-under-load': metricsUnderLoad,
  subscribers: withReader('subscribers', subscribers),
};
