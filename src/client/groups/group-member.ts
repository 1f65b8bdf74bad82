import type { ClientError } from '../client-error.ts';
import type { StreamEvent } from '../event-stream.ts';
import type { WorkerSource } from '../worker-source.ts';
import type { ConsumeGroupOptions, GroupHandler, GroupState, GroupWork, LeaveOptions } from './consume-group.ts';
import { GroupConnections } from './group-connections.ts';
import { type GroupEvents, parseGroupEvent } from './group-events.ts';
import { GroupRequests } from './group-requests.ts';
import { MemberLease } from './member-lease.ts';
import { OwnedPartitions } from './owned-partitions.ts';

/** Interval of beats before the server has sent its own. */
const firstBeatMs = 3_000;
/** Number of beat intervals without data after which the connection counts as lost. */
const maxSilentBeats = 3.5;
/** Time-out for leaving, about one lease; after that other members take over anyway. */
const leaveMs = 15_000;

/** A member of a group: joins, keeps its session alive by heartbeats, and leaves. */
export class GroupMember<Data> {
  readonly #source: WorkerSource;
  readonly #work: GroupWork & { readonly member: string };
  readonly #options: ConsumeGroupOptions;
  readonly #stopping: AbortSignal;
  readonly #lease = new MemberLease((key) => this.#partitions.expired(key));
  readonly #requests: GroupRequests;
  readonly #connections: GroupConnections;
  readonly #partitions: OwnedPartitions<Data>;
  /** Aborts the connection and all requests. */
  readonly #closing = new AbortController();
  readonly #leaving = new AbortController();
  #beatMs = firstBeatMs;
  #beats: ReturnType<typeof setInterval> | undefined = undefined;
  /** Why the member ends; undefined if it was stopped. */
  #why: unknown = undefined;

  constructor(
    source: WorkerSource,
    work: GroupWork,
    handler: GroupHandler<Data>,
    options: ConsumeGroupOptions,
    stopping: AbortSignal,
  ) {
    const { member = randomName() } = work;
    this.#source = source;
    this.#work = { ...work, member };
    this.#options = options;
    this.#stopping = stopping;
    this.#requests = new GroupRequests(source, work.group, (error) => this.#noteError(error));
    this.#partitions = new OwnedPartitions<Data>({
      source,
      category: work.category,
      handler,
      options,
      requests: this.#requests,
      lease: this.#lease,
      signal: this.#closing.signal,
      failed: (error) => this.#fail(error),
    });
    this.#connections = new GroupConnections(
      source,
      {
        attempted: () => this.#attempted(),
        silenceMs: () => this.#beatMs * maxSilentBeats,
        take: (event) => this.#take(event),
        disconnected: () => this.#disconnected(),
        changed: (state) => this.#tell(state),
      },
      this.#closing.signal,
    );
  }

  /** Resolves when the member has left; rejects if it cannot continue. */
  async run(): Promise<void> {
    const connected = this.#connections.run().catch((error) => this.#fail(this.#endOf(error)));
    const { signal } = this.#leaving;
    const leave = () => this.#leaving.abort();
    this.#stopping.addEventListener('abort', leave);
    if (this.#stopping.aborted) leave();
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    try {
      await this.#leave();
    } finally {
      this.#stopping.removeEventListener('abort', leave);
      this.#closing.abort();
      await connected;
    }
    this.#tell({ name: 'ended', why: this.#why as ClientError | undefined });
    if (this.#why !== undefined) throw this.#why;
  }

  #attempted(): Record<string, string> {
    const attempt = this.#lease.attempted();
    const { session } = this.#lease;
    const { category, group, member, size } = this.#work;
    const known = session === undefined ? {} : { session, attempt: String(attempt) };
    const made = size === undefined ? {} : { size: String(size) };
    return { category, group, member, ...made, ...known };
  }

  #disconnected(): boolean {
    clearInterval(this.#beats);
    return this.#lease.disconnected();
  }

  /** Throws to close the connection. */
  #take(told: StreamEvent): void {
    const event = parseGroupEvent(told);
    const partitions = this.#partitions;
    if (event.type === 'joined') this.#joined(event.value);
    else if (event.type === 'assigned') partitions.assigned(event.value);
    else if (event.type === 'lease') partitions.leased(event.value);
    else if (event.type === 'revoke') partitions.revoked(event.value);
    else if (event.type === 'poke') partitions.poked(event.value);
    else if (event.type === 'retry') partitions.retry(event.value);
    else if (event.type === 'forgotten') partitions.forgotten(event.value);
    else if (event.type === 'end') {
      const { ClientError } = this.#source;
      const code = String(event.value.code).toUpperCase().replaceAll('-', '_');
      throw new ClientError(code, `Ended: ${event.value.code}`);
    }
  }

  #joined(joined: GroupEvents['joined']): void {
    const { session, beatMs } = joined;
    this.#partitions.joined(joined);
    this.#lease.joined(joined);
    this.#beatMs = beatMs;
    clearInterval(this.#beats);
    this.#beats = setInterval(() => this.#beat(), beatMs);
    this.#tell({ name: 'joined', member: this.#work.member, session });
  }

  #beat(): void {
    const beat = this.#lease.beaten();
    void this.#requests.beat(this.#lease.session!, beat, this.#closing.signal);
  }

  async #leave(): Promise<void> {
    this.#lease.leaving();
    const { keepMs = 0 } = (this.#stopping.reason ?? {}) as LeaveOptions;
    const acks = await this.#partitions.finish();
    const { session } = this.#lease;
    if (session !== undefined) {
      const signal = AbortSignal.timeout(leaveMs);
      await this.#requests.leave(session, acks, keepMs, signal).catch((error) => this.#noteError(error));
    }
    this.#partitions.left();
    this.#lease.stop();
    clearInterval(this.#beats);
  }

  /** If this member has joined the group before, an unknown group was deleted. */
  #endOf(error: unknown): unknown {
    if ((error as ClientError).code !== 'GROUP_NOT_FOUND' || this.#lease.session === undefined) return error;
    return new this.#source.ClientError('GROUP_DELETED', 'The group was deleted', { cause: error });
  }

  #fail(error: unknown): void {
    if (this.#closing.signal.aborted) return;
    this.#why ??= error;
    this.#leaving.abort();
  }

  #tell(state: GroupState): void {
    this.#call(({ onState }) => onState?.(state));
  }

  #noteError(error: unknown): void {
    this.#call(({ onError }) => onError?.(error, undefined));
  }

  #call(callback: (options: ConsumeGroupOptions) => void): void {
    this.#source.call(callback, this.#options);
  }
}

function randomName(): string {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return `worker-${high!.toString(36)}${low!.toString(36)}`;
}
