import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

/** Sends raw bytes and resolves to everything received until the server closes. */
export function sendRaw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  socket.setEncoding('latin1').on('error', () => {});
  socket.write(request, 'latin1');
  return text(socket);
}

/** Sends one GET with this target verbatim, which clients would normalize. `more`: header lines. */
export async function askRaw(port: number, target: string, more = ''): Promise<{ status: number; text: string }> {
  const answer = await sendRaw(port, `GET ${target} HTTP/1.1\r\nHost: x\r\n${more}Connection: close\r\n\r\n`);
  return { status: Number(answer.slice(9, 12)), text: answer };
}
