import { helloFrame, readyBeforeHelloFrame, readyFrame, resetFrame, retryFrame } from '../sse/frame.ts';
import type { StartingPoint } from './starting-point.ts';

/** How a subscription's response starts. */
export type Greeting = {
  /** Status line and headers, as bytes. */
  readonly head: Buffer;
  /** Reconnection time, milliseconds. */
  readonly retryMs: number;
};

/**
 * The frames before the first poke: `: ready`, which promises delivery of everything appended from now on, and the
 * events that the subscriber asked for.
 */
export function greetingOf(start: StartingPoint, retryMs: number, hello: boolean): Buffer {
  if (!hello) return Buffer.concat([readyFrame, retryFrame(retryMs)]);
  const { cursor, canResume, reset } = start;
  const named = [helloFrame(start, canResume ? cursor : undefined, Date.now())];
  if (reset !== undefined) named.push(resetFrame(reset));
  return Buffer.concat([readyBeforeHelloFrame, retryFrame(retryMs), ...named]);
}
