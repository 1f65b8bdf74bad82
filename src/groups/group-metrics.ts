import type { Metrics } from '../telemetry/metrics.ts';
import type { ConsumerGroups } from './consumer-groups.ts';
import type { MoveReason } from './group-state.ts';
import type { LagMeter, MeasuredGroup } from './lag-meter.ts';
import { partitionStates } from './partition-states.ts';

/** In seconds. Idle workers release within milliseconds, busy ones when the handler ends or the time-out expires. */
const handoverBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60];

const reasons: readonly MoveReason[] = ['join', 'leave', 'expire', 'forced', 'resize'];

/** Registers metrics of the consumer groups that this node knows. */
export function measureGroups(metrics: Metrics, groups: ConsumerGroups | undefined): void {
  const counts = groups?.counts;
  metrics.gauge('pokewire_group_members', 'Members of consumer groups whose stream is open on this node.', () => {
    return groups?.streams.size ?? 0;
  });
  metrics.gauges(
    'pokewire_group_partitions',
    'Partitions of consumer groups owned by members on this node, by state.',
    ['state'],
    () => {
      const { owned, revoking } = countTold(groups);
      return [
        { labels: { state: 'owned' }, value: owned },
        { labels: { state: 'revoking' }, value: revoking },
      ];
    },
  );
  metrics.gauge('pokewire_group_held', 'Held streams of partitions that members on this node own.', () => {
    return countTold(groups).held;
  });
  metrics.counters(
    'pokewire_group_moves_total',
    'Partitions of consumer groups that this node gave to another member, by reason.',
    ['why'],
    () => reasons.map((why) => ({ labels: { why }, value: counts?.moves[why] ?? 0 })),
  );
  const handovers = metrics
    .histogram({
      name: 'pokewire_group_handover_seconds',
      help: 'Duration of hand-overs of partitions to members on this node, in seconds.',
      buckets: handoverBuckets,
    })
    .series({});
  if (groups !== undefined) groups.handedOver = (ms) => handovers.observe(ms / 1_000);
  metrics.counters('pokewire_group_acks_total', 'Acknowledgements of partitions, by result.', ['result'], () => [
    { labels: { result: 'acked' }, value: counts?.acknowledged ?? 0 },
    { labels: { result: 'fenced' }, value: counts?.fenced ?? 0 },
  ]);
  metrics.counter('pokewire_group_skipped_total', 'Messages that administrators skipped.', () => counts?.skipped ?? 0);
  metrics.counter(
    'pokewire_group_forgotten_total',
    'Partitions of consumer groups whose checkpoint was overtaken by retention.',
    () => counts?.forgotten ?? 0,
  );
  metrics.counter(
    'pokewire_group_cas_conflicts_total',
    'Updates of group records that conflicted with another update and were retried.',
    () => groups?.node.conflicts ?? 0,
  );
  metrics.counter(
    'pokewire_group_step_failures_total',
    'Failed maintenance steps of groups, which are retried.',
    () => counts?.failedSteps ?? 0,
  );
  measureLags(metrics, groups?.lags);
  metrics.gauge('pokewire_group_node_valid', '1 while this node may confirm leases.', () => {
    return groups !== undefined && groups.node.health.validMs <= 0 ? 0 : 1;
  });
}

/** Series per group, for at most `maxMeasuredGroups` groups. */
function measureLags(metrics: Metrics, lags: LagMeter | undefined): void {
  const ofGroups = (name: string, help: string, read: (measured: MeasuredGroup) => number | undefined) => {
    metrics.gauges(name, help, ['namespace', 'group'], () =>
      Array.from(lags?.measured ?? []).flatMap((measured) => {
        const value = read(measured);
        return value === undefined
          ? []
          : [{ labels: { namespace: measured.namespace.id, group: measured.group }, value }];
      }),
    );
  };
  ofGroups(
    'pokewire_group_lag_messages',
    'Messages that a consumer group has not settled, counted up to 10,000.',
    ({ lag }) => lag?.messages,
  );
  ofGroups(
    'pokewire_group_lag_seconds',
    'Age of the first message that a consumer group has not settled.',
    ({ lag }) => lag?.seconds,
  );
  ofGroups(
    'pokewire_group_forgotten_in_seconds',
    'Seconds until retention deletes the first message that a consumer group has not settled.',
    ({ lag }) => lag?.secondsLeft,
  );
  ofGroups(
    'pokewire_group_attached_members',
    'Connected members of a consumer group, on all nodes.',
    ({ attached }) => attached,
  );
  metrics.gauges(
    'pokewire_group_partition_states',
    'Partitions of a consumer group by state, for owners on all nodes.',
    ['namespace', 'group', 'state'],
    () =>
      Array.from(lags?.measured ?? []).flatMap(({ namespace, group, partitions }) =>
        partitionStates.flatMap((state) =>
          partitions === undefined
            ? []
            : [{ labels: { namespace: namespace.id, group, state }, value: partitions[state] }],
        ),
      ),
  );
  metrics.gauge(
    'pokewire_groups_unmeasured',
    'Consumer groups without series of their own, because there are too many.',
    () => lags?.omitted ?? 0,
  );
}

/** Counts partitions assigned to members here, and their held streams as far as this node knows. */
function countTold(groups: ConsumerGroups | undefined) {
  const counts = { owned: 0, revoking: 0, held: 0 };
  for (const { sessions } of groups?.node.watched ?? []) {
    for (const { told } of sessions.values()) {
      for (const { key, revokedAtMs } of told.values()) {
        if (revokedAtMs === undefined) counts.owned++;
        else counts.revoking++;
        counts.held += groups!.node.partitions.known(key)?.held.length ?? 0;
      }
    }
  }
  return counts;
}
