import { LateAnswer, storeFault } from './nats-faults.ts';

const maxLagMs = 5_000;
const late = `a replica was behind its leader for more than ${maxLagMs / 1_000} s: check the servers of the cluster`;

/** Returns a function that throws `BACKEND_ERROR` once a read has waited too long for a replica that is behind its leader. */
export function limitReplicaLag(): () => void {
  const deadline = performance.now() + maxLagMs;
  return () => {
    if (performance.now() > deadline) throw storeFault(new LateAnswer(late));
  };
}
