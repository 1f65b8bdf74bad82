import { connect, type Socket } from 'node:net';

/** Connects to a server on this machine and reads without Node's streams: `read` is called with the number of bytes in `buffer`. */
export function dial(port: number, buffer: Buffer, read: (length: number) => void): Socket {
  return connect({
    host: '127.0.0.1',
    port,
    noDelay: true,
    onread: {
      buffer,
      callback: (length) => {
        read(length);
        return true;
      },
    },
  });
}
