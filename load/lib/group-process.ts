import { setTimeout as sleep } from 'node:timers/promises';
import { StreamName } from '../../src/message/stream-name.ts';
import { GroupMember, type Membership, type Owned, post } from './group-member.ts';
import { serve } from './rpc.ts';

export type HandOverOrder = {
  /** Nodes of one log. The permanent member is on the first node, the temporary one on the last. */
  readonly ports: readonly number[];
  readonly rounds: number;
};

/** Times of single handovers, each until the new owner has its first poke, milliseconds. */
export type HandOverReport = Readonly<Record<'leaveMs' | 'joinMs' | 'restartMs', readonly number[]>>;

export type KillOrder = { readonly ports: readonly number[]; readonly groups: number };

export type AckOrder = {
  readonly port: number;
  readonly members: number;
  readonly partitionsOfMember: number;
  readonly partitionsOfRequest: number;
  /** Concurrent requests. */
  readonly requests: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
};

export type AckReport = { readonly acksPerSecond: number; readonly requestsPerSecond: number };

export type IdleOrder = { readonly port: number; readonly groups: number; readonly membersOfGroup: number };

const beatMs = 3_000;
const beatsOfRequest = 1_000;
const category = 'account';
const size = 8;
/** Concurrent joins or deletions. */
const atATime = 16;

const beating = new Set<GroupMember>();
setInterval(() => void beatAll().catch((error: unknown) => console.error(`a beat failed: ${error}`)), beatMs).unref();

/** Sends the beats of many members in one request, like a process that works for many groups. */
async function beatAll(): Promise<void> {
  for (const [port, members] of Map.groupBy(beating, (member) => member.port)) {
    for (let at = 0; at < members.length; at += beatsOfRequest) {
      const some = members.slice(at, at + beatsOfRequest);
      await post(port, '/groups/beat', {
        beats: some.map((member) => ({ session: member.session, beat: ++member.beat })),
      });
    }
  }
}

async function join(of: Omit<Membership, 'category'>): Promise<GroupMember> {
  const member = await GroupMember.join({ category, ...of });
  beating.add(member);
  return member;
}

function kill(member: GroupMember): void {
  beating.delete(member);
  member.kill();
}

/** One stream for each partition. */
function streamsOf(partitions: number): string[] {
  const streams: string[] = new Array(partitions);
  for (let n = 0, found = 0; found < partitions; n++) {
    const owner = new StreamName(`${category}-${n}`).owner(partitions);
    if (streams[owner] === undefined) found++;
    streams[owner] ??= `${category}-${n}`;
  }
  return streams;
}

const streams = streamsOf(size);

/** Resolves when the member owns one of these partitions and has its first poke of it. */
async function poked(member: GroupMember, awaited: readonly number[]): Promise<void> {
  let partition = awaited.find((one) => member.owned.has(one));
  if (partition === undefined) {
    await member.when('assignment', ({ type, value }) => {
      if (type !== 'assigned' || !awaited.includes(value.partition)) return false;
      partition = value.partition;
      return true;
    });
  }
  const first = member.when('poke', ({ type, value }) => type === 'poke' && value.partition === partition);
  await post(member.port, `/streams/${streams[partition!]}/messages`, { type: 'Deposited', data: {} });
  await first;
}

async function timed(into: number[], act: () => Promise<void>): Promise<void> {
  const startMs = performance.now();
  await act();
  into.push(performance.now() - startMs);
}

async function handOver({ ports, rounds }: HandOverOrder): Promise<HandOverReport> {
  const report = { leaveMs: [] as number[], joinMs: [] as number[], restartMs: [] as number[] };
  const come = () => join({ port: ports.at(-1)!, group: 'moving', member: 'comes', size });
  const stays = await join({ port: ports[0]!, group: 'moving', member: 'stays', size });
  let comes = await come();
  const settled = () => Promise.all([stays.owns(size / 2), comes.owns(size / 2)]);
  for (let round = 0; round < rounds; round++) {
    await settled();
    await timed(report.leaveMs, async () => {
      const share = [...comes.owned.keys()];
      const told = poked(stays, share);
      beating.delete(comes);
      await comes.leave();
      await told;
    });
    await stays.owns(size);
    await timed(report.joinMs, async () => {
      comes = await come();
      await poked(comes, [...streams.keys()]);
    });
    await settled();
    await timed(report.restartMs, async () => {
      const share = [...comes.owned.keys()];
      kill(comes);
      comes = await come();
      await poked(comes, share);
    });
  }
  kill(stays);
  kill(comes);
  return report;
}

/** Time from a kill until another member has its first poke of the killed member's partitions, for each group. */
function killed({ ports, groups }: KillOrder): Promise<number[]> {
  return Promise.all(
    Array.from({ length: groups }, async (_value, n) => {
      const group = `killed-${n}`;
      const stays = await join({ port: ports[0]!, group, member: 'stays', size });
      const dies = await join({ port: ports.at(-1)!, group, member: 'dies', size });
      await Promise.all([stays.owns(size / 2), dies.owns(size / 2)]);
      const times: number[] = [];
      await timed(times, async () => {
        const told = poked(stays, [...dies.owned.keys()]);
        kill(dies);
        await told;
      });
      kill(stays);
      return times[0]!;
    }),
  );
}

type Slice = { readonly member: GroupMember; readonly owned: readonly Owned[] };

/** Acknowledges partitions as fast as the server answers. Each acknowledgement moves a checkpoint by one message. */
async function acknowledge(order: AckOrder): Promise<AckReport> {
  const { port, partitionsOfMember, partitionsOfRequest, requests, warmUpMs, measureMs } = order;
  const partitions = order.members * partitionsOfMember;
  const members = await Promise.all(
    Array.from({ length: order.members }, (_value, n) =>
      join({ port, group: 'acks', member: `member-${n}`, size: partitions }),
    ),
  );
  await Promise.all(members.map((member) => member.owns(partitionsOfMember)));
  const slices: Slice[] = members.flatMap((member) => {
    const owned = [...member.owned.values()];
    return Array.from({ length: partitionsOfMember / partitionsOfRequest }, (_value, n) => {
      return { member, owned: owned.slice(n * partitionsOfRequest, (n + 1) * partitionsOfRequest) };
    });
  });
  let sent = 0;
  let isOver = false;
  const ask = async (own: readonly Slice[]) => {
    for (let position = 1; ; position++) {
      for (const { member, owned } of own) {
        if (isOver) return;
        await member.post('ack', { acks: owned.map((each) => ({ ...each, position })) });
        sent++;
      }
    }
  };
  const asking = Array.from({ length: requests }, (_value, n) =>
    ask(slices.filter((_slice, at) => at % requests === n)),
  );
  await Promise.race([sleep(warmUpMs), ...asking]);
  const [before, startMs] = [sent, performance.now()];
  await Promise.race([sleep(measureMs), ...asking]);
  const requestsPerSecond = (sent - before) / ((performance.now() - startMs) / 1_000);
  isOver = true;
  await Promise.all(asking);
  for (const member of members) kill(member);
  return { acksPerSecond: requestsPerSecond * partitionsOfRequest, requestsPerSecond };
}

async function forAll(count: number, act: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) await act(next++);
  };
  await Promise.all(Array.from({ length: atATime }, work));
}

const idle: GroupMember[] = [];

/** Groups whose members are idle, with one partition each. */
async function beginIdle({ port, groups, membersOfGroup }: IdleOrder): Promise<void> {
  await forAll(groups, async (n) => {
    const members: GroupMember[] = [];
    for (let member = 0; member < membersOfGroup; member++) {
      const of = { port, category: 'idle', group: `idle-${n}`, member: `member-${member}`, size: membersOfGroup };
      members.push(await GroupMember.join(of));
    }
    await Promise.all(members.map((member) => member.owns(1)));
    for (const member of members) beating.add(member);
    idle.push(...members);
  });
}

async function endIdle({ port, groups }: IdleOrder): Promise<void> {
  for (const member of idle.splice(0)) kill(member);
  await forAll(groups, (n) => post(port, `/groups/idle-${n}`, {}, 'DELETE'));
}

serve({ handOver, killed, acknowledge, beginIdle, endIdle });
