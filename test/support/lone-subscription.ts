import { FanOutGroup } from '../../src/hub/fan-out-group.ts';
import type { StartingPoint } from '../../src/hub/starting-point.ts';
import { Subscription, type SubscriptionState } from '../../src/hub/subscription.ts';
import { everything } from '../../src/message/selection.ts';
import { newLogId } from '../../src/store/log-id.ts';
import { noWishes } from './fake-node.ts';
import { FakeSink } from './fake-sink.ts';

const epoch = newLogId();

/** The head of the response. */
export const responseHead = Buffer.from('HTTP/1.1 200 OK\r\n\r\n');

/** Subscriptions without a hub, and the notifications to their host. */
export class LoneSubscriptions {
  /** Changes of state, such as `live → lagging`. */
  readonly moves: string[] = [];
  released = 0;
  flushedUpTo = 0;

  /** A new subscription on this socket. */
  on(sink: FakeSink): Subscription {
    const options = {
      request: {
        log: epoch,
        selection: everything,
        position: 0,
        lastEventId: undefined,
        epoch: undefined,
        wishes: noWishes,
      },
      socket: { sink, framing: 'chunked' },
      greeting: { head: responseHead, retryMs: 1 },
      released: () => this.released++,
    } as const;
    const moved = (subscription: Subscription, from: SubscriptionState) => {
      this.moves.push(`${from.name} → ${subscription.state.name}`);
    };
    const flushedUpTo = () => this.flushedUpTo;
    return new Subscription(options, {
      moved,
      get flushedUpTo() {
        return flushedUpTo();
      },
      headBeat: () => undefined,
    });
  }

  /** A subscription in this state, with its cursor at 7 if it has one. */
  in(name: SubscriptionState['name'], sink = new FakeSink()): Subscription {
    const subscription = this.on(sink);
    if (name === 'closed') subscription.end('draining');
    if (name === 'starting' || name === 'closed') return subscription;
    if (name === 'lagging') sink.stall();
    subscription.begin(startAt(7));
    this.flushedUpTo = 7;
    if (name === 'live') subscription.goLive(new FanOutGroup(everything));
    return subscription;
  }
}

/** A start after this cursor. */
export function startAt(cursor: number): StartingPoint {
  return {
    selection: everything,
    liveSelection: everything,
    cursor,
    epoch,
    head: cursor,
    forgottenUpTo: 0,
    takesWhatIsThere: true,
    reset: undefined,
    resumeAfter: cursor,
  };
}
