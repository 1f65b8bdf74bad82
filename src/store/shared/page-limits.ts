/** Maximum number of messages in one page. */
export const maxPageMessages = 1_000;

/** Maximum number of payload bytes in one page (or a single larger message), so that responses are built piece by piece. */
export const maxPageBytes = 1_048_576;

/** Maximum number of pokes in one page. */
export const maxPagePokes = 4_096;

/** Maximum number of entries in one list. */
export const maxListEntries = 10_000;
