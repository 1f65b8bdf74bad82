import { StreamName } from '../../message/stream-name.ts';
import type { CategorySummary, StreamSummary } from '../log.ts';
import { maxListEntries } from '../shared/page-limits.ts';
import { compareUtf8 } from '../shared/utf8-order.ts';
import type { LogStream } from './log-stream.ts';
import { readMessage } from './stored-message.ts';

/** Streams whose last messages are requested concurrently. */
const atOnce = 64;

/** Summary of a stream; undefined if it has no messages. */
export async function readStreamSummary(log: LogStream, stream: string): Promise<StreamSummary | undefined> {
  const subject = log.names.subject(stream);
  const { state } = await log.info({ filter: subject, offset: 0 });
  const messageCount = state.subjects?.[subject];
  return messageCount === undefined ? undefined : summaryOf(log, stream, messageCount);
}

/** Streams in order of their subjects, that is of their escaped bytes. */
export async function readStreams(
  log: LogStream,
  prefix: string,
  after: string | undefined,
  limit: number,
): Promise<StreamSummary[]> {
  const most = Math.min(limit, maxListEntries);
  const hyphen = prefix.indexOf('-');
  // A filter matches whole tokens only, so the start of a category is compared here.
  const filter = hyphen === -1 ? log.names.everything : log.names.category(prefix.slice(0, hyphen));
  const behind = after === undefined ? undefined : log.names.subject(after);
  const found: [subject: string, count: number][] = [];
  for await (const [subject, count] of subjectsOf(log, filter)) {
    if (behind !== undefined && compareUtf8(subject, behind) <= 0) continue;
    if (!log.names.streamOf(subject).startsWith(prefix)) continue;
    found.push([subject, count]);
    if (found.length === most) break;
  }
  const summaries: StreamSummary[] = [];
  for (let at = 0; at < found.length; at += atOnce) {
    const part = found.slice(at, at + atOnce);
    const read = await Promise.all(part.map(([subject, count]) => summaryOf(log, log.names.streamOf(subject), count)));
    summaries.push(...read.filter((summary) => summary !== undefined));
  }
  return summaries;
}

/** Categories in order of their escaped bytes. */
export async function readCategories(
  log: LogStream,
  after: string | undefined,
  limit: number,
): Promise<CategorySummary[]> {
  const most = Math.min(limit, maxListEntries);
  const behind = after === undefined ? undefined : log.names.category(after).slice(0, -1);
  const summaries: CategorySummary[] = [];
  for await (const [subject, messages] of subjectsOf(log, log.names.everything)) {
    const start = subject.slice(0, subject.lastIndexOf('.') + 1);
    if (behind !== undefined && compareUtf8(start, behind) <= 0) continue;
    const { category } = new StreamName(log.names.streamOf(subject));
    const last = summaries.at(-1);
    if (last?.category === category) {
      const { streamCount, messageCount } = last;
      summaries[summaries.length - 1] = {
        category,
        streamCount: streamCount + 1,
        messageCount: messageCount + messages,
      };
    } else if (summaries.length === most) break;
    else summaries.push({ category, streamCount: 1, messageCount: messages });
  }
  return summaries;
}

/** Subjects with their message counts, in order. The server returns up to 100,000 per request. */
async function* subjectsOf(log: LogStream, filter: string): AsyncGenerator<readonly [string, number]> {
  for (let offset = 0; ; ) {
    const { state, total = 0 } = await log.info({ filter, offset });
    const subjects = Object.entries(state.subjects ?? {}).sort(([a], [b]) => compareUtf8(a, b));
    yield* subjects;
    offset += subjects.length;
    if (subjects.length === 0 || offset >= total) return;
  }
}

async function summaryOf(log: LogStream, stream: string, messageCount: number): Promise<StreamSummary | undefined> {
  const last = await log.lastOf(log.names.subject(stream));
  if (last === undefined) return undefined;
  const { position, timeMs } = readMessage(last, stream);
  return { stream, version: position, messageCount, lastActivityMs: timeMs };
}
