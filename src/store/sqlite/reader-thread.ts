import { parentPort, workerData } from 'node:worker_threads';
import { serveReader } from './reader-service.ts';

serveReader(parentPort!, workerData);
