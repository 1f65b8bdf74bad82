import { setTimeout as sleep } from 'node:timers/promises';
import { selects } from '../../src/message/selection.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import { Random } from '../support/random.ts';
import { TemporaryFolder } from '../support/temporary-folder.ts';
import { LogBook } from './log-book.ts';
import { selections } from './selections.ts';
import { CrashedServer } from './server.ts';
import { CrashSubscriber } from './subscriber.ts';
import { judgeFile, judgeSubscriber, readLog } from './verdict.ts';
import { CrashWriter } from './writer.ts';

export type CrashOptions = {
  readonly kills: number;
  readonly writers: number;
  readonly subscribers: number;
  readonly seed: number;
  readonly say: (text: string) => void;
};

export type CrashReport = {
  readonly acknowledged: number;
  readonly unanswered: number;
  readonly stored: number;
  readonly pokes: number;
  readonly connections: number;
  readonly problems: readonly string[];
  readonly problemCount: number;
};

/** Maximum number of acknowledgements before the server is killed; on a busy machine a time limit applies. */
const mostAcknowledged = 400;
const longestLifeMs = 5_000;
const littleMs = 30;
/** Longest time between a start, or the signal to stop, and the kill. */
const longestStartMs = 1_500;
const longestStopMs = 300;
/** Shares of kills during a start and a stop. */
const inStart = 0.2;
const inStop = 0.1;
/** How long after the last kill everything must be delivered. */
const settleMs = 120_000;

/** Kills a server at random moments during writes and subscriptions, and compares the pokes received with its file. */
export async function crash({ kills, writers, subscribers, seed, say }: CrashOptions): Promise<CrashReport> {
  const random = new Random(seed);
  const book = new LogBook();
  using folder = new TemporaryFolder();
  const path = folder.file('pokewire.db');
  const server = new CrashedServer([`--store=sqlite:${path}`, '--log-level=info', '--safety-read-ms=1000']);
  const stop = new AbortController();
  const stopWriting = new AbortController();
  const running: Promise<void>[] = [];
  const followers = Array.from({ length: subscribers }, (_, number) => {
    const name = `subscriber ${number}`;
    return new CrashSubscriber(name, selections[number % selections.length]!, { server, book });
  });
  try {
    server.start();
    await server.listening();
    running.push(...followers.map((follower) => follower.run(stop.signal)));
    await Promise.all(followers.map(({ begun }) => begun));
    const writing = Array.from({ length: writers }, (_, number) =>
      new CrashWriter(`w${number}`, number % 2 === 0, { server, book, random: new Random(seed, number + 1) }).run(
        stopWriting.signal,
      ),
    );
    running.push(...writing);
    for (let kill = 1; kill <= kills; kill++) {
      await killOnce(server, book, random);
      if (kill % 50 === 0) say(`${kill} kills, ${book.acknowledged.size} acknowledged, ${book.problemCount} problems`);
    }
    await server.listening();
    stopWriting.abort();
    await Promise.all(writing);
    await untilTold(path, followers, book);
    stop.abort();
    await Promise.all(running);
    await server.end('SIGTERM');
    judgeFile(path, book);
    const log = readLog(path);
    for (const follower of followers) judgeSubscriber(follower, log, book);
    const sum = (of: (follower: CrashSubscriber) => number) =>
      followers.reduce((total, follower) => total + of(follower), 0);
    return {
      acknowledged: book.acknowledged.size,
      unanswered: book.unanswered,
      stored: log.length,
      pokes: sum(({ places }) => places.length),
      connections: sum(({ connections }) => connections),
      problems: book.problems,
      problemCount: book.problemCount,
    };
  } finally {
    stopWriting.abort();
    stop.abort();
    await server.end('SIGKILL');
  }
}

/** Kills the server while it starts, stops or, usually, works, and restarts it. */
async function killOnce(server: CrashedServer, book: LogBook, random: Random): Promise<void> {
  if (random.chance(inStart)) await Promise.race([server.listening(), sleep(random.int(0, longestStartMs))]);
  else {
    await server.listening();
    const enough = book.acknowledged.size + random.int(0, mostAcknowledged);
    const deadlineMs = performance.now() + longestLifeMs;
    while (book.acknowledged.size < enough && performance.now() < deadlineMs) await sleep(1);
    await sleep(random.int(0, littleMs));
  }
  if (random.chance(inStop)) {
    void server.end('SIGTERM');
    await sleep(random.int(0, longestStopMs));
  }
  server.forgetUrl();
  await server.end('SIGKILL');
  server.start();
}

/** Resolves when each subscriber has all its pokes, or after a time that means some are missing. */
async function untilTold(path: string, followers: readonly CrashSubscriber[], book: LogBook): Promise<void> {
  const log = readLog(path).map(({ stream, position }) => ({ stream: new StreamName(stream), position }));
  const deadlineMs = performance.now() + settleMs;
  for (const { name, selection, places } of followers) {
    const due = log.filter(({ stream, position }) => selects(selection, stream, position)).length;
    while (places.length < due && performance.now() < deadlineMs) await sleep(20);
    if (places.length < due) book.fail(`${name} was told ${places.length} of ${due} pokes`);
  }
}
