import type { ByteCosts } from '../shared/byte-budget.ts';

/** Measured: a message with 204 bytes of payload takes 338 bytes in the file, including four indexes and free space of pages. */
export const costs: ByteCosts = { message: 134, stream: 256, namespace: 1_024, token: 256, unit: 2 };

/** Bytes counted for a row of `messages`: its texts, with 36 bytes for a UUID, plus the fixed cost of a message. */
export const bytesOfRow = `(iif(typeof(id) = 'blob', 36, octet_length(id)) + octet_length(type) + octet_length(data)
  + ifnull(octet_length(metadata), 0) + ${costs.message})`;
