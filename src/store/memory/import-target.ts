import type { ImportTarget } from '../shared/import-batch.ts';
import type { MemoryLog } from './memory-log.ts';

/** The parts of a log in memory that the import of a batch uses. */
export function importTargetOf(log: MemoryLog): ImportTarget {
  return {
    messageOf: (id) => log.messageOf(id),
    hasGlobalPosition: (globalPosition) => {
      if (globalPosition > log.head) return false;
      const row = log.rowAt(globalPosition);
      return row !== undefined && log.table.globalPosition(row) === globalPosition;
    },
    hasPosition: (streamName, position) => {
      const stream = log.stream(streamName);
      const row = stream?.rows.at(log.indexOf(stream, position));
      return row !== undefined && log.table.position(row) === position;
    },
    neighbours: (streamName, globalPosition) => {
      const rows = log.streamRows(streamName);
      const index = globalPosition > log.head ? rows.length : log.indexAt(rows, globalPosition);
      const positionAt = (at: number) => {
        const row = at < 0 ? undefined : rows.at(at);
        return row === undefined ? undefined : log.table.position(row);
      };
      return [positionAt(index - 1), positionAt(index)];
    },
  };
}
