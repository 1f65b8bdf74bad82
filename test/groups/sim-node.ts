import { GroupNode } from '../../src/groups/group-node.ts';
import type { GroupTimes } from '../../src/groups/group-times.ts';
import { ErasedMessages } from '../../src/groups/pass-erased.ts';
import { passForgotten } from '../../src/groups/pass-forgotten.ts';
import type { Message } from '../../src/message/message.ts';
import type { GroupStore } from '../../src/store/group-store.ts';
import type { Log } from '../../src/store/log.ts';
import type { LogId } from '../../src/store/log-id.ts';
import { LateStore } from './late-store.ts';
import type { SimLog } from './sim-log.ts';
import type { Actor, Timeline } from './timeline.ts';

export const groupName = { uid: 'u', name: 'g' };

/** A server process. */
export type SimNode = Actor & { readonly node: GroupNode; readonly store: LateStore };

export function startNode(
  time: Timeline,
  store: GroupStore,
  log: SimLog,
  times: GroupTimes,
  newId: () => string,
): SimNode {
  const actor = time.actor();
  const late = new LateStore(store, time, actor);
  const node = new GroupNode({
    store: late,
    times,
    now: () => time.local(actor),
    wallNow: () => time.now,
    newId,
    observer: { moved: () => {}, handedOver: () => {}, failed: () => {} },
    headOf: () => log.head,
    toldChanged: () => {},
  });
  const sim: SimNode = Object.assign(actor, { node, store: late });
  const read = logOf(log);
  const erased = new ErasedMessages(node, () => read);
  let isPassing = false;
  const pass = async () => {
    if (isPassing) return;
    isPassing = true;
    try {
      for (const watched of [...node.watched]) await passForgotten(node, watched, read, log.forgottenUpTo);
      await erased.turn();
    } catch {
      // The store did not answer; the next turn tries again.
    } finally {
      isPassing = false;
    }
  };
  const turn = () => {
    void node.turn();
    void pass();
    time.after(times.turnMs / sim.rate, sim, turn);
  };
  turn();
  return sim;
}

/** The part of a log that nodes use. */
function logOf(log: SimLog): Log {
  const part: Partial<Log> = {
    id: 'e' as LogId,
    bounds: async () => ({
      epoch: 'e' as LogId,
      head: log.head,
      forgottenUpTo: log.forgottenUpTo,
      importsBelowHead: 0,
    }),
    readStream: async (stream, from) => {
      const message = 'position' in from ? log.read(log.indexOf(stream), from.position) : undefined;
      const messages = message === undefined ? [] : [{ position: message.position } as Message];
      return { messages, epoch: 'e' as LogId, next: null };
    },
  };
  return part as Log;
}
