/** Messages of one page at most. */
export const maxPageMessages = 1_000;

/** A page of messages holds at most this many bytes of payload (or one message), so that a response is built piece by piece. */
export const maxPageBytes = 1_048_576;

/** Pokes of one page at most. */
export const maxPagePokes = 4_096;

/** Entries of one list at most. */
export const maxListEntries = 10_000;
