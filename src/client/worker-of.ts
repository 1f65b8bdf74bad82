import type { ConsumeOptions, Handler, Work } from './consume.ts';
import type { ConsumeGroupOptions, GroupHandler, GroupWork } from './groups/consume-group.ts';
import { PageWorker } from './worker.ts';
import type { WorkerSource } from './worker-source.ts';

/** A worker that is not yet under way. */
type Runnable = { run(): Promise<void>; retryParked(stream?: string): void };

/** Makes the worker that the work asks for; the code of groups is loaded with the first member. */
export async function workerOf<Data>(
  source: WorkerSource,
  work: Work | GroupWork,
  handler: Handler<Data> | GroupHandler<Data>,
  options: ConsumeOptions | ConsumeGroupOptions | undefined = {},
  stopping: AbortSignal,
): Promise<Runnable> {
  if (!('group' in work))
    return new PageWorker(source, work, handler as Handler<Data>, options as ConsumeOptions, stopping);
  const { GroupMember } = await import('./groups/group-member.ts');
  const member = new GroupMember(source, work, handler as GroupHandler<Data>, options as ConsumeGroupOptions, stopping);
  // What a group has parked is the server's, and an administrator's to replay.
  return { run: () => member.run(), retryParked: () => {} };
}
