import { subscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:http';

// Loaded into a server by `--import`: on SIGUSR2 it fails to accept a connection, as Node tells it when the whole machine
// has no file descriptors left or the kernel no memory.
let server: Server | undefined;
subscribe('http.server.request.start', (message) => {
  ({ server } = message as { server: Server });
});

process.on('SIGUSR2', () => {
  server!.emit('error', Object.assign(new Error('accept ENFILE'), { code: 'ENFILE', syscall: 'accept' }));
});
