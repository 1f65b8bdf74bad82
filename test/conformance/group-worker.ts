import { startWorker } from './in-process-worker.ts';

const { POKEWIRE_URL, POKEWIRE_GROUP, POKEWIRE_MEMBER } = process.env;
const worker = startWorker(POKEWIRE_URL!, POKEWIRE_GROUP, POKEWIRE_MEMBER);
process.once('SIGTERM', () => void worker.stop());
await worker.done;
