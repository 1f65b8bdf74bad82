import { subscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:http';

// Loaded into a server by `--import`. On SIGUSR2, simulates a failed accept, as Node reports it when the machine has no
// file descriptors left or the kernel no memory.
let server: Server | undefined;
subscribe('http.server.request.start', (message) => {
  ({ server } = message as { server: Server });
});

process.on('SIGUSR2', () => {
  server!.emit('error', Object.assign(new Error('accept ENFILE'), { code: 'ENFILE', syscall: 'accept' }));
});
