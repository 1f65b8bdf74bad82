import type { GroupStore } from '../store/group-store.ts';
import type { Group } from './group.ts';
import { changeGroup, type GroupName, type GroupObserver, type MoveReason, WatchedGroup } from './group-state.ts';
import { doStep, retryDue } from './group-steps.ts';
import { type GroupTimes, leastValidMs } from './group-times.ts';
import { type MemberLink, MemberSession, type Told } from './member-session.ts';
import { type JoinOutcome, type JoinRequest, join, leave } from './membership.ts';
import { NodeHealth } from './node-health.ts';
import { type Held, isChanging, letGo } from './ownership.ts';
import type { PartitionRecord } from './partition-record.ts';
import { Partitions } from './partitions.ts';
import { reconcile } from './reconcile.ts';
import { groupKey, partitionKey } from './record-keys.ts';
import { Records } from './records.ts';

type GroupNodeOptions = {
  readonly store: GroupStore;
  readonly times: GroupTimes;
  /** A monotonic clock in milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970-01-01. */
  readonly wallNow: () => number;
  /** Returns a unique id that cannot be guessed. */
  readonly newId: () => string;
  readonly observer: GroupObserver;
  /** Head of the group's log, as far as this node knows it. */
  readonly headOf: (group: Group) => number;
  /** A partition was assigned to a member on this node, revoked from it, or dropped. */
  readonly toldChanged: (watched: WatchedGroup, session: MemberSession, told: Told) => void;
};

/** A member that wants to join. */
type Joining = Pick<JoinRequest, 'member' | 'session' | 'attempt' | 'address'> & { readonly link: MemberLink };

/** Outcome of a join; `not-valid`: this node may not confirm leases at the moment. */
export type Joined =
  | { readonly outcome: 'joined'; readonly session: MemberSession }
  | { readonly outcome: Exclude<JoinOutcome['outcome'], 'joined'> | 'not-valid' | 'no-group' };

/**
 * The members connected to this node, and the work for their groups. Only this node decides whether they are alive; any
 * node assigns unowned partitions. Records change only by compare-and-set, so no node is a leader.
 */
export class GroupNode {
  readonly groups: Records<Group>;
  readonly partitions: Partitions;
  readonly health: NodeHealth;
  readonly options: GroupNodeOptions;
  /** Number of compare-and-set operations that lost. */
  conflicts = 0;
  readonly #watched = new Map<string, WatchedGroup>();
  readonly #sessions = new Map<string, { readonly watched: WatchedGroup; readonly session: MemberSession }>();
  #revision: number | undefined = undefined;
  #isTurning = false;

  constructor(options: GroupNodeOptions) {
    const { store, times, now, newId } = options;
    const conflicted = () => this.conflicts++;
    this.options = options;
    this.groups = new Records<Group>(store, false, conflicted);
    this.partitions = new Partitions(new Records<PartitionRecord>(store, true, conflicted), options.wallNow);
    this.health = new NodeHealth(store, times, now, newId());
  }

  /** Groups with members on this node. */
  get watched(): Iterable<WatchedGroup> {
    return this.#watched.values();
  }

  watchedGroup(name: GroupName): WatchedGroup | undefined {
    return this.#watched.get(groupKey(name.uid, name.name));
  }

  /** Admits a member. Its events start with `joined`. */
  async join(name: GroupName, { link, ...joining }: Joining): Promise<Joined> {
    const { now, newId, times, headOf } = this.options;
    const request: JoinRequest = { ...joining, node: this.health.id, newSession: newId() };
    let joined: JoinOutcome | undefined;
    const key = groupKey(name.uid, name.name);
    const found = this.groups.known(key) ?? (await this.groups.read(key));
    if (found === undefined) return { outcome: 'no-group' };
    // Before the change, because its answer may be lost: this node must find a member it does not know about.
    this.#watch(name, found).askedAtMs = now();
    const { group } = await changeGroup(this.groups, this.options.observer, key, 'join', (draft) => {
      joined = undefined;
      if (this.health.validMs <= leastValidMs || this.health.id !== request.node) return false;
      joined = join(draft, request);
      return joined.outcome === 'joined';
    });
    if (group === undefined) return { outcome: 'no-group' };
    if (joined === undefined || this.health.id !== request.node) return { outcome: 'not-valid' };
    if (joined.outcome !== 'joined') return { outcome: joined.outcome };
    const { validMs } = this.health;
    if (validMs <= leastValidMs) return { outcome: 'not-valid' };
    const watched = this.#watch(name, group);
    const member = watched.group.members[joined.session];
    // A later attempt was accepted before the answer to this one arrived.
    if (member?.attempt !== joining.attempt || member.node !== request.node) return { outcome: 'old-attempt' };
    watched.sessions.get(joined.session)?.end('superseded');
    const session = new MemberSession(joined.session, joining.attempt, link, now());
    watched.sessions.set(session.session, session);
    this.#sessions.set(session.session, { watched, session });
    const { epoch, layout, size } = watched.group;
    session.send({
      event: 'joined',
      data: {
        group: name.name,
        member: joining.member,
        session: session.session,
        attempt: joining.attempt,
        epoch,
        layout,
        size,
        leaseMs: Math.floor(Math.min(times.leaseMs, validMs)),
        beatMs: times.beatMs,
        head: headOf(watched.group),
      },
    });
    this.reconcile(watched);
    return { outcome: 'joined', session };
  }

  /** Receives a member's heartbeat. The lease is confirmed only in the member's stream, because a response could overtake events there. */
  beat(session: string, beat: number): void {
    const own = this.#sessions.get(session);
    if (own === undefined) this.health.passOn(session, beat);
    else this.#confirm(session, beat);
  }

  /** The connection of a session was closed. */
  disconnected(session: MemberSession): void {
    const own = this.#sessions.get(session.session);
    session.isClosed = true;
    if (own?.session === session) this.reconcile(own.watched);
  }

  /** Releases a partition whose work was acknowledged. */
  async release(name: GroupName, session: string, held: Held): Promise<void> {
    await this.change(name, 'join', (draft) => letGo(draft, session, held));
  }

  /** Removes a session whose worker has stopped. */
  async leave(name: GroupName, session: string, keepMs: number): Promise<void> {
    await this.change(name, 'leave', (draft) => leave(draft, session, keepMs));
  }

  /** Changes a group and reconciles it. */
  async change(
    name: GroupName,
    why: MoveReason,
    edit: (draft: Group) => boolean,
  ): Promise<{ readonly group: Group | undefined; readonly isChanged: boolean }> {
    const key = groupKey(name.uid, name.name);
    const changed = await changeGroup(this.groups, this.options.observer, key, why, edit);
    const { group } = changed;
    if (group !== undefined && (changed.isChanged || this.#watched.has(key))) this.reconcile(this.#watch(name, group));
    return changed;
  }

  /** Runs the periodic work. Errors go to the observer. */
  async turn(): Promise<void> {
    if (this.#isTurning) return;
    this.#isTurning = true;
    try {
      if (this.options.store.sharedBy === 'nodes') {
        const node = this.health.id;
        const isAlive = await this.health.turn(
          (session, beat) => this.#confirm(session, beat),
          () => this.#readChanges(),
        );
        if (!isAlive && node === this.health.id) this.#beginAgain();
      }
    } catch (error) {
      this.options.observer.failed(error);
    } finally {
      this.#isTurning = false;
    }
    for (const watched of [...this.#watched.values()]) {
      this.reconcile(watched);
      this.retry(watched);
      this.#unwatch(watched);
    }
  }

  /** Sends due retries to the members on this node. */
  retry({ name, group, sessions }: WatchedGroup): void {
    for (const session of sessions.values()) {
      for (const told of session.told.values()) {
        const key = partitionKey(name.uid, group.id, told.layout, told.partition);
        retryDue(this, session, told, this.partitions.known(key));
      }
    }
  }

  /** Reconciles a group without members on this node. */
  look(name: GroupName, group: Group): void {
    this.reconcile(this.#watch(name, group));
  }

  /** Starts the steps that the group's state requires. */
  reconcile(watched: WatchedGroup): void {
    const { times, now, observer } = this.options;
    watched.see(this.groups.known(watched.key) ?? watched.group, this.health.id, now());
    const steps = reconcile({
      node: this.health.id,
      nowMs: now(),
      validMs: this.health.validMs,
      group: watched.group,
      sessions: watched.sessions,
      missingSinceMs: watched.missingSinceMs,
      nodes: this.health.others,
      times,
    });
    for (const step of steps) {
      const name = JSON.stringify(step);
      if (watched.busy.has(name)) continue;
      const doing = doStep(this, watched, step);
      if (doing === undefined) continue;
      watched.busy.add(name);
      doing.then(
        (goesOn) => {
          watched.busy.delete(name);
          if (goesOn) this.reconcile(watched);
        },
        (error: unknown) => {
          watched.busy.delete(name);
          observer.failed(error);
        },
      );
    }
  }

  /** Drops a connection whose session has moved or ended. */
  drop(watched: WatchedGroup, session: MemberSession): void {
    watched.sessions.delete(session.session);
    if (this.#sessions.get(session.session)?.session === session) this.#sessions.delete(session.session);
    for (const told of session.told.values()) this.options.toldChanged(watched, session, told);
  }

  /** Ends the streams of a deleted group's members on this node. */
  endGroup(name: GroupName): void {
    const watched = this.watchedGroup(name);
    if (watched === undefined) return;
    for (const session of [...watched.sessions.values()]) {
      session.end('group-deleted');
      this.drop(watched, session);
    }
    this.#watched.delete(watched.key);
  }

  #confirm(id: string, beat: number): void {
    const own = this.#sessions.get(id);
    if (own === undefined || own.session.isClosed || own.session.isExpiring || beat <= own.session.beat) return;
    const { validMs } = this.health;
    if (validMs <= leastValidMs) return;
    const { times, now, headOf } = this.options;
    const leaseMs = Math.floor(Math.min(times.leaseMs, validMs));
    own.session.extend(beat, leaseMs, now(), headOf(own.watched.group));
  }

  #watch(name: GroupName, group: Group): WatchedGroup {
    const key = groupKey(name.uid, name.name);
    const watched = this.#watched.getOrInsertComputed(key, () => new WatchedGroup(name, group));
    watched.see(this.groups.known(key) ?? group, this.health.id, this.options.now());
    return watched;
  }

  /** Stops watching a group without members on this node, once no late response can add one. */
  #unwatch({ sessions, busy, group, key, askedAtMs }: WatchedGroup): void {
    const { now, times } = this.options;
    const isOurs = Object.values(group.members).some(({ node }) => node === this.health.id);
    const isQuiet = now() - askedAtMs > 2 * times.nodeTtlMs;
    if (isQuiet && sessions.size === 0 && busy.size === 0 && !isOurs && !isChanging(group)) this.#watched.delete(key);
  }

  /** Reads the groups that changed. Must complete before this node counts as valid. */
  async #readChanges(): Promise<void> {
    const { revision, keys } = await this.options.store.changesSince(this.#revision);
    const news = this.#revision !== undefined && keys !== 'all' ? keys : undefined;
    const changed = news?.filter((key) => this.#watched.has(key)) ?? [...this.#watched.keys()];
    for (let at = 0; at < changed.length; at += 100) {
      const keys = changed.slice(at, at + 100);
      const groups = await this.groups.readAll(keys);
      for (const [index, group] of groups.entries()) {
        const watched = this.#watched.get(keys[index]!);
        if (group === undefined && watched !== undefined) this.endGroup(watched.name);
      }
    }
    await this.partitions.readChanged(news ?? this.#toldKeys());
    this.#revision = revision;
  }

  #toldKeys(): string[] {
    return [...this.#sessions.values()].flatMap(({ watched: { name, group }, session }) =>
      [...session.told.values()].map(({ layout, partition }) => partitionKey(name.uid, group.id, layout, partition)),
    );
  }

  /** Starts over under a new id, because this node was marked dead and other nodes have taken over its members. */
  #beginAgain(): void {
    this.health.beginAgain(this.options.newId());
    for (const watched of this.#watched.values()) {
      for (const session of [...watched.sessions.values()]) {
        session.end('store-failed');
        this.drop(watched, session);
      }
    }
    this.#watched.clear();
  }
}
