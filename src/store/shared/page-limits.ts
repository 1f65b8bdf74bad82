/** Most messages in one page. */
export const maxPageMessages = 1_000;

/** Most payload bytes in one page (or a single larger message), so that responses are built piece by piece. */
export const maxPageBytes = 1_048_576;

/** Most pokes in one page. */
export const maxPagePokes = 4_096;

/** Most entries in one list. */
export const maxListEntries = 10_000;
