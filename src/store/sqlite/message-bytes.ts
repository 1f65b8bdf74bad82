import type { ByteCosts } from '../shared/byte-budget.ts';

/** Measured for a message, whose payload of 204 bytes takes 338 in the file: table, four indexes, free space of pages. */
export const costs: ByteCosts = { message: 134, stream: 256, namespace: 1_024, token: 256, unit: 2 };

/** What a row of `messages` counts: the bytes of its text, of which an id takes 36 as a UUID, and what a message costs. */
export const bytesOfRow = `(iif(typeof(id) = 'blob', 36, octet_length(id)) + octet_length(type) + octet_length(data)
  + ifnull(octet_length(metadata), 0) + ${costs.message})`;
