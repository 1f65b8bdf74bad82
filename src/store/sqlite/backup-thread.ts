import { parentPort, workerData } from 'node:worker_threads';
import { serveBackup } from './backup-service.ts';

serveBackup(parentPort!, workerData);
