import type { Held } from './ownership.ts';
import type { Floor, HeldStream } from './partition-record.ts';
import { type SessionView, type ToldView, toldKey } from './reconcile.ts';

/** An event of a member's stream, as defined in docs/PROTOCOL.md. */
export type GroupEvent =
  | {
      readonly event: 'joined';
      readonly data: {
        readonly group: string;
        readonly member: string;
        readonly session: string;
        readonly attempt: number;
        readonly epoch: string;
        readonly layout: number;
        readonly size: number;
        readonly leaseMs: number;
        readonly beatMs: number;
        readonly head: number;
      };
    }
  | {
      readonly event: 'assigned';
      readonly data: {
        readonly partition: number;
        readonly layout: number;
        readonly size: number;
        readonly generation: number;
        readonly position: number;
        readonly floors: readonly Floor[];
        readonly held: readonly Pick<HeldStream, 'stream' | 'position'>[];
      };
    }
  | {
      readonly event: 'poke';
      readonly data: {
        readonly partition: number;
        readonly generation: number;
        readonly stream: string;
        readonly position: number;
        readonly globalPosition: number;
      };
    }
  | {
      readonly event: 'lease';
      readonly data: {
        readonly beat: number;
        readonly leaseMs: number;
        readonly except: readonly number[];
        readonly head: number;
      };
    }
  | {
      readonly event: 'revoke';
      readonly data: {
        readonly partition: number;
        readonly layout: number;
        readonly generation: number;
        readonly withinMs: number;
      };
    }
  | {
      readonly event: 'retry';
      readonly data: {
        readonly partition: number;
        readonly generation: number;
        readonly stream: string;
        readonly position: number;
        readonly attempt: number;
      };
    }
  | {
      readonly event: 'forgotten';
      readonly data: {
        readonly partition: number;
        readonly generation: number;
        readonly lost: { readonly from: number; readonly to: number };
      };
    };

/** Why a node ends a member's stream. */
type GroupEnd = 'fenced' | 'superseded' | 'group-deleted' | 'store-failed';

/** A member's stream. Events arrive in the order sent, or the stream breaks. */
export interface MemberLink {
  send(event: GroupEvent): void;
  /** Ends the stream after all sent events. */
  end(code: GroupEnd): void;
}

/** A partition that was assigned to a connection or revoked from it. */
export type Told = { -readonly [Key in keyof ToldView]: ToldView[Key] } & {
  /** Key of the partition's record. */
  readonly key: string;
  /** The last retry sent for each held stream that is due. */
  retried: ReadonlyMap<string, Retried>;
  /** The member knows what retention deleted up to here. */
  forgottenUpTo: number;
};

/** A retry of a held stream that was sent. */
export type Retried = { readonly what: string; readonly atMs: number };

const noneRetried: ReadonlyMap<string, Retried> = new Map();

type Connected = Pick<SessionView, 'attempt' | 'epoch'>;

/** A connection of a member on this node. */
export class MemberSession implements SessionView {
  readonly session: string;
  readonly attempt: number;
  readonly epoch: string;
  readonly link: MemberLink;
  readonly told = new Map<string, Told>();
  isClosed = false;
  isExpiring = false;
  extendedAtMs: number;
  /** Earlier beats are not answered. */
  renewAtMs = Number.NEGATIVE_INFINITY;
  /** The last beat that was answered. */
  beat = 0;

  constructor(session: string, { attempt, epoch }: Connected, link: MemberLink, nowMs: number) {
    this.session = session;
    this.attempt = attempt;
    this.epoch = epoch;
    this.link = link;
    this.extendedAtMs = nowMs;
  }

  send(event: GroupEvent): void {
    if (!this.isClosed) this.link.send(event);
  }

  end(code: GroupEnd): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.link.end(code);
  }

  /** Adds the partition with this record key. Initially it has the connection's lease. */
  note(held: Held, key: string, forgottenUpTo = Number.POSITIVE_INFINITY): Told {
    const { layout, partition, generation } = held;
    const told: Told = {
      layout,
      partition,
      generation,
      key,
      extendedAtMs: this.extendedAtMs,
      revokedAtMs: undefined,
      isStopped: false,
      retried: noneRetried,
      forgottenUpTo,
    };
    this.told.set(toldKey(held), told);
    return told;
  }

  /** Confirms the lease of all partitions that are not stopped. */
  extend(beat: number, leaseMs: number, nowMs: number, head: number): void {
    this.beat = beat;
    this.extendedAtMs = nowMs;
    const except: number[] = [];
    for (const told of this.told.values()) {
      if (told.isStopped) except.push(told.partition);
      else told.extendedAtMs = nowMs;
    }
    this.send({ event: 'lease', data: { beat, leaseMs, except, head } });
  }
}
