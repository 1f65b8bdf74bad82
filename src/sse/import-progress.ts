/**
 * Events of the answer to an import, framed by HTTP like any other body. EventoDB's importers read lines that start
 * with `data: ` and expect no event names.
 */

/** Progress of an import: `imported` messages are new, `known` ones existed already. */
export type ImportCounts = { readonly imported: number; readonly known: number };

/** Progress event: messages so far, and the global position of the last one. */
export function importProgressEvent({ imported, known }: ImportCounts, gpos: number): Buffer {
  return eventOf({ imported, known, gpos });
}

/** The last event of a successful import. `complete`: the records ended the way an export does. */
export function importDoneEvent({ imported, known }: ImportCounts, complete: boolean, elapsedMs: number): Buffer {
  return eventOf({ done: true, imported, known, complete, elapsed: `${(elapsedMs / 1000).toFixed(1)}s` });
}

/** The last event of a failed import; `line` counts from 1. */
export function importErrorEvent(code: string, message: string, line: number): Buffer {
  return eventOf({ error: code, message, ...(line > 0 && { line }) });
}

function eventOf(data: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(`data: ${JSON.stringify(data)}\n\n`);
}
