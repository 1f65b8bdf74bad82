import { Poke } from '../../src/message/poke.ts';
import { StreamName } from '../../src/message/stream-name.ts';
import type { Announced, Announcement, PushedPage } from '../../src/store/log.ts';
import type { Random } from './random.ts';
import type { FaultClock } from './unreliable-calls.ts';

/** Faults of announcements. Probabilities between 0 and 1, applied one after another. */
export type AnnouncementFaults = {
  readonly lost: number;
  readonly doubled: number;
  /** Pages replaced by a hint without pokes. */
  readonly wakeUps: number;
  /** Announcements preceded by an empty page. */
  readonly empty: number;
  /** Pages split in two: cut, one within the other, or with the previous page repeated. */
  readonly cut: number;
  readonly delayed: number;
  readonly maxDelayMs: number;
  /** Announcements that wait until after the next one. */
  readonly reordered: number;
};

/** Counts of faults. */
export class AnnouncementCounts {
  heard = 0;
  lost = 0;
  doubled = 0;
  wakeUps = 0;
  empty = 0;
  cut = 0;
  delayed = 0;
  reordered = 0;
}

type Surroundings = {
  readonly faults: AnnouncementFaults;
  readonly counts: AnnouncementCounts;
  readonly clock: FaultClock;
  readonly random: Random;
  /** Whether nothing gets through, because of an outage. */
  readonly isOut: () => boolean;
};

/** Between a log and one follower or, with hints only, between the namespaces and one. */
export class UnreliableFollowing {
  readonly #announced: Announced;
  readonly #around: Surroundings;
  readonly #delayed = new Set<{ readonly announcement: Announcement; readonly cancel: () => void }>();
  #overtaken: Announcement[] = [];
  #before: PushedPage | undefined = undefined;
  #isMended = false;
  #isStopped = false;

  constructor(announced: Announced, around: Surroundings) {
    this.#announced = announced;
    this.#around = around;
  }

  /** Receives an announcement of the store, whose pokes it may use until it returns. */
  readonly hear: Announced = (announcement) => {
    if (this.#isStopped) return;
    if (this.#isMended) return this.#announced(announcement);
    const { faults, counts, isOut } = this.#around;
    counts.heard++;
    if (isOut() || this.#happens('lost', faults.lost)) return;
    const pieces = this.#disturb(announcement);
    if (this.#happens('doubled', faults.doubled)) pieces.push(...pieces);
    const overtaken = this.#overtaken;
    this.#overtaken = this.#happens('reordered', faults.reordered) ? pieces.map(copyOf) : [];
    if (this.#overtaken.length === 0) for (const piece of pieces) this.#send(copyOf(piece));
    for (const piece of overtaken) this.#send(piece);
  };

  /** Makes every pending announcement, and forwards new ones at once. */
  mend(): void {
    this.#isMended = true;
    const late = [...[...this.#delayed].map(({ announcement }) => announcement), ...this.#overtaken];
    this.#cancel();
    for (const announcement of late) this.#deliver(announcement);
  }

  /** Stops it; pending announcements are dropped. */
  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #disturb(announcement: Announcement): Announcement[] {
    const { faults } = this.#around;
    if (announcement === 'wake-up' || this.#happens('wakeUps', faults.wakeUps)) return ['wake-up'];
    const pieces = this.#happens('cut', faults.cut) ? this.#cut(announcement) : [announcement];
    const { epoch, upTo } = announcement;
    if (this.#happens('empty', faults.empty)) pieces.unshift({ epoch, after: upTo, upTo, pokes: [] });
    this.#before = copyOfPage(announcement);
    return pieces;
  }

  /** Pages that are each complete in their range, and together equal the page. */
  #cut(page: PushedPage): PushedPage[] {
    const { random } = this.#around;
    const { after, upTo, pokes } = page;
    const at = random.int(0, pokes.length);
    const middle = at === 0 ? after : pokes[at - 1]!.globalPosition;
    const first = { ...page, upTo: middle, pokes: pokes.slice(0, at) };
    const second = { ...page, after: middle, pokes: pokes.slice(at) };
    const before = this.#before;
    const withBefore =
      before?.upTo === after ? { ...page, after: before.after, upTo, pokes: [...before.pokes, ...pokes] } : page;
    return random.pick([
      [first, second],
      [first, page],
      [page, second],
      [withBefore, second],
    ]);
  }

  #send(announcement: Announcement): void {
    const { faults, clock, random } = this.#around;
    if (!this.#happens('delayed', faults.delayed)) {
      this.#deliver(announcement);
      return;
    }
    const cancel = clock.after(random.int(0, faults.maxDelayMs), () => {
      this.#delayed.delete(late);
      this.#deliver(announcement);
    });
    const late = { announcement, cancel };
    this.#delayed.add(late);
  }

  #deliver(announcement: Announcement): void {
    if (this.#isStopped) return;
    this.#announced(announcement);
    if (announcement === 'wake-up') return;
    // A follower that kept a poke, against the contract, now has garbage.
    for (const poke of announcement.pokes) poke.set(keptPoke, -1, -1, 0);
  }

  #cancel(): void {
    for (const { cancel } of this.#delayed) cancel();
    this.#delayed.clear();
    this.#overtaken = [];
  }

  #happens(what: Exclude<keyof AnnouncementCounts, 'heard'>, share: number): boolean {
    const happens = this.#around.random.chance(share);
    if (happens) this.#around.counts[what]++;
    return happens;
  }
}

const keptPoke = new StreamName('kept-poke');

function copyOf(announcement: Announcement): Announcement {
  return announcement === 'wake-up' ? announcement : copyOfPage(announcement);
}

function copyOfPage(page: PushedPage): PushedPage {
  const pokes = page.pokes.map(({ stream, position, globalPosition, appendedAtMs }) =>
    new Poke().set(stream, position, globalPosition, appendedAtMs),
  );
  return { ...page, pokes };
}
