import { helloFrame, readyBeforeHelloFrame, readyFrame, resetFrame, retryFrame } from '../sse/frame.ts';
import type { StartingPoint } from './starting-point.ts';

/** How a subscription's response begins. */
export type Greeting = {
  /** Status line and headers, as bytes. */
  readonly head: Buffer;
  /** Reconnection time, milliseconds. */
  readonly retryMs: number;
};

/** What comes before the pokes: the promise that everything appended from now on is delivered, and what was asked for. */
export function greetingOf(start: StartingPoint, retryMs: number, hello: boolean): Buffer {
  if (!hello) return Buffer.concat([readyFrame, retryFrame(retryMs)]);
  const { cursor, canResume, reset } = start;
  const named = [helloFrame(start, canResume ? cursor : undefined, Date.now())];
  if (reset !== undefined) named.push(resetFrame(reset));
  return Buffer.concat([readyBeforeHelloFrame, retryFrame(retryMs), ...named]);
}
