import type { ConsumeOptions, Handler, Work } from './consume.ts';
import type { ConsumeGroupOptions, GroupHandler, GroupWork } from './groups/consume-group.ts';
import { PageWorker } from './worker.ts';
import type { WorkerSource } from './worker-source.ts';

/** A worker that was not started yet. */
type Runnable = { run(): Promise<void>; retryParked(stream?: string): void };

/** Creates a page worker or a group member. The code of groups is loaded with the first member. */
export async function workerOf<Data>(
  source: WorkerSource,
  work: Work | GroupWork,
  handler: Handler<Data> | GroupHandler<Data>,
  options: ConsumeOptions | ConsumeGroupOptions | undefined = {},
  stopping: AbortSignal,
): Promise<Runnable> {
  if (!('group' in work)) {
    if (!('checkpoint' in options))
      throw new TypeError(
        'consume needs a checkpoint, such as memoryCheckpoint(), or the group whose member this worker is',
      );
    return new PageWorker(source, work, handler as Handler<Data>, options, stopping);
  }
  const { GroupMember } = await import('./groups/group-member.ts');
  const member = new GroupMember(source, work, handler as GroupHandler<Data>, options as ConsumeGroupOptions, stopping);
  // The server keeps a group's parked streams; an administrator retries them.
  return { run: () => member.run(), retryParked: () => {} };
}
