import type { GroupStore } from '../store/group-store.ts';
import { admitMember, type Joined, type Joining } from './admit-member.ts';
import { ChangedRecords } from './changed-records.ts';
import type { Group } from './group.ts';
import { changeGroup, type GroupName, type GroupObserver, type MoveReason, type WatchedGroup } from './group-state.ts';
import { doStep, retryDue } from './group-steps.ts';
import { type GroupTimes, leastValidMs } from './group-times.ts';
import type { MemberSession, Told } from './member-session.ts';
import { leave } from './membership.ts';
import { NodeHealth } from './node-health.ts';
import { type Held, isChanging, letGo } from './ownership.ts';
import { Partitions } from './partitions.ts';
import { quietUntilMs, reconcile, type View } from './reconcile.ts';
import { groupKey } from './record-keys.ts';
import { Records } from './records.ts';
import { WatchedGroups } from './watched-groups.ts';

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
  /** Head of a log, as far as this node knows it. */
  readonly headOf: (epoch: string) => number;
  /** A partition was assigned to a member on this node, revoked from it, or dropped. */
  readonly toldChanged: (watched: WatchedGroup, session: MemberSession, told: Told) => void;
};

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
  readonly #watched = new WatchedGroups((watched, group) => this.#see(watched, group));
  readonly #changes: ChangedRecords;
  /** {@link NodeHealth.losses} at the previous turn. */
  #losses = 0;
  #isTurning = false;
  #isHinted = false;

  constructor(options: GroupNodeOptions) {
    const { store, times, now, newId } = options;
    const conflicted = () => this.conflicts++;
    this.options = options;
    this.groups = new Records<Group>(store, false, conflicted);
    this.partitions = new Partitions(store, conflicted, options.wallNow);
    this.health = new NodeHealth(store, times, now, newId());
    const { groups, partitions } = this;
    const gone = (name: GroupName) => this.endGroup(name);
    this.#changes = new ChangedRecords({ store, groups, partitions, watched: this.#watched, gone });
  }

  /** Groups with members on this node. */
  get watched(): Iterable<WatchedGroup> {
    return this.#watched;
  }

  watchedGroup(name: GroupName): WatchedGroup | undefined {
    return this.#watched.get(groupKey(name.uid, name.name));
  }

  /** Admits a member. Its events start with `joined`. */
  join(name: GroupName, joining: Joining): Promise<Joined> {
    return admitMember(this, this.#watched, name, joining);
  }

  /** Receives a member's heartbeat. The lease is confirmed only in the member's stream, because a response could overtake events there. */
  beat(session: string, beat: number): void {
    const own = this.#watched.connected(session);
    if (own === undefined) this.health.passOn(session, beat);
    else this.#confirm(session, beat);
  }

  /** The connection of a session was closed. */
  disconnected(session: MemberSession): void {
    const own = this.#watched.connected(session.session);
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
    if (group !== undefined && (changed.isChanged || this.#watched.get(key) !== undefined)) {
      this.reconcile(this.#watched.add(name, group));
    }
    return changed;
  }

  /** Another node changed a record. The current turn may have missed the change, so another one follows. */
  hint(): void {
    this.#isHinted = true;
  }

  /** Runs the periodic work. Errors go to the observer. */
  async turn(): Promise<void> {
    if (this.#isTurning) return;
    this.#isTurning = true;
    try {
      do {
        this.#isHinted = false;
        await this.#turnOnce();
      } while (this.#isHinted);
    } finally {
      this.#isTurning = false;
    }
  }

  async #turnOnce(): Promise<void> {
    try {
      if (this.options.store.sharedBy === 'nodes') {
        const node = this.health.id;
        const isAlive = await this.health.turn(
          (session, beat) => this.#confirm(session, beat),
          () => this.#changes.read(),
        );
        if (!isAlive && node === this.health.id) this.#beginAgain();
      }
    } catch (error) {
      this.options.observer.failed(error);
    }
    const hasLost = this.health.losses !== this.#losses;
    this.#losses = this.health.losses;
    const holding = this.partitions.groupsThatHold;
    for (const watched of [...this.#watched]) {
      if (hasLost || !this.#isQuiet(watched)) this.reconcile(watched);
      if (holding.has(watched.group.id)) this.retry(watched);
      this.#unwatch(watched);
    }
  }

  /** Sends due retries to the members on this node. */
  retry({ sessions }: WatchedGroup): void {
    for (const session of sessions.values()) {
      for (const told of session.told.values()) retryDue(this, session, told, this.partitions.known(told.key));
    }
  }

  /** Reconciles a group without members on this node. */
  look(name: GroupName, group: Group): void {
    this.reconcile(this.#watched.add(name, group));
  }

  /** Starts the steps that the group's state requires. */
  reconcile(watched: WatchedGroup): void {
    // A step that ends a connection calls this method again while other steps are still to be started.
    if (watched.reconciling !== undefined) {
      watched.reconciling = 'again';
      return;
    }
    try {
      do {
        watched.reconciling = 'once';
        this.#reconcileOnce(watched);
      } while ((watched.reconciling as string) === 'again');
    } finally {
      watched.reconciling = undefined;
    }
  }

  #reconcileOnce(watched: WatchedGroup): void {
    const { times, now, observer } = this.options;
    this.#see(watched, watched.group);
    const { group, sessions, missingSinceMs } = watched;
    const { id: node, validMs, others: nodes } = this.health;
    const view: View = { node, nowMs: now(), validMs, group, sessions, missingSinceMs, nodes, times };
    const steps = reconcile(view);
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
    watched.quiet = steps.length > 0 ? undefined : { group, untilMs: quietUntilMs(view) };
  }

  /** Drops a connection whose session has moved or ended. */
  drop(watched: WatchedGroup, session: MemberSession): void {
    this.#watched.disconnect(watched, session);
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
    this.#watched.remove(watched);
  }

  #confirm(id: string, beat: number): void {
    const own = this.#watched.connected(id);
    if (own === undefined || own.session.isClosed || own.session.isExpiring || beat <= own.session.beat) return;
    const { times, now, headOf } = this.options;
    const nowMs = now();
    const { validMs } = this.health;
    if (validMs <= leastValidMs) return;
    // For idle groups, most of the cost is frames to thousands of members (load: group-idle).
    if (own.watched.isQuietAt(nowMs) && nowMs < own.session.renewAtMs) return;
    const leaseMs = Math.floor(Math.min(times.leaseMs, validMs));
    own.session.extend(beat, leaseMs, nowMs, headOf(own.session.epoch));
    own.session.renewAtMs = nowMs + times.renewMs - (times.leaseMs - leaseMs);
  }

  /** Notes the known record of the group, or else this one. */
  #see(watched: WatchedGroup, group: Group): void {
    watched.see(this.groups.known(watched.key) ?? group, this.health.id, this.options.now());
  }

  /** Whether nothing has become due for a group since it was last reconciled. */
  #isQuiet(watched: WatchedGroup): boolean {
    const { key, group, quiet } = watched;
    return watched.isQuietAt(this.options.now()) && quiet!.group === (this.groups.known(key) ?? group);
  }

  /** Stops watching a group without members on this node, once no pending response can add one. */
  #unwatch(watched: WatchedGroup): void {
    const { sessions, busy, group, askedAtMs } = watched;
    if (sessions.size > 0 || busy.size > 0 || isChanging(group)) return;
    const { now, times } = this.options;
    const isOurs = Object.values(group.members).some(({ node }) => node === this.health.id);
    if (!isOurs && now() - askedAtMs > 2 * times.nodeTtlMs) this.#watched.remove(watched);
  }

  /** Starts over under a new id, because this node was marked dead and other nodes have taken over its members. */
  #beginAgain(): void {
    this.health.beginAgain(this.options.newId());
    for (const watched of this.#watched) {
      for (const session of [...watched.sessions.values()]) {
        session.end('store-failed');
        this.drop(watched, session);
      }
    }
    this.#watched.clear();
  }
}
