import type { Checkpoint, CheckpointStore } from './checkpoint.ts';
import { ClientError, type Message, type Pokewire } from './client.ts';

/**
 * Keeps the checkpoint in a stream on the server like Eventide: messages of type `Recorded` with the position as data,
 * for example in the stream `account:position-worker-1` for category `account` and worker `worker-1`. A second worker
 * that saves there is refused with `STREAM_VERSION_CONFLICT`, which ends it.
 */
export function streamCheckpoint(pokewire: Pokewire, category: string, worker: string): CheckpointStore {
  const stream = `${category}:position-${worker}`;
  let version = -1;
  return {
    async load() {
      try {
        const path = `/streams/${encodeURIComponent(stream)}/messages/last`;
        const { position, data } = await pokewire.get<Message<Checkpoint>>(path);
        version = position;
        return data;
      } catch (error) {
        if (error instanceof ClientError && /^(STREAM|MESSAGE)_NOT_FOUND$/.test(error.code)) return undefined;
        throw error;
      }
    },
    async save(checkpoint) {
      const message = { type: 'Recorded', data: checkpoint };
      ({ position: version } = await pokewire.append(stream, message, { expectedVersion: version }));
    },
  };
}
