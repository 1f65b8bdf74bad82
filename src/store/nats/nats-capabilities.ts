import type { StoreCapabilities } from '../capabilities.ts';
import { maxBatchMessages } from './write-batch.ts';

/** Capabilities of logs in JetStream. */
export const natsCapabilities: StoreCapabilities = {
  namespaces: 'many',
  tokens: 'stored',
  appends: true,
  largestAppend: maxBatchMessages,
  imports: false,
  replacements: false,
  durable: true,
  backups: false,
  verbatim: true,
  byteLimit: false,
  retention: false,
  erasure: false,
  listOrder: 'store',
  counts: 'exact',
};
