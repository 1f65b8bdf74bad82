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
  const { resumeAfter, reset } = start;
  // If a reset follows, the hello has no id: a subscriber cut off between the two must be reset again.
  const named = [helloFrame(start, reset === undefined ? resumeAfter : undefined, Date.now())];
  if (reset !== undefined) named.push(resetFrame(reset, resumeAfter));
  return Buffer.concat([readyBeforeHelloFrame, retryFrame(retryMs), ...named]);
}
