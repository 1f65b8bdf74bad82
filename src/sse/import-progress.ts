/** The events of an import's answer, which HTTP frames as it does every body. EventoDB's importers read lines that begin with `data: `, and no event names. */

/** Progress of an import: `imported` messages are new, `known` ones existed before. */
export type ImportCounts = { readonly imported: number; readonly known: number };

/** How far an import is: messages so far, and the global position of the last one. */
export function importProgressEvent({ imported, known }: ImportCounts, gpos: number): Buffer {
  return eventOf({ imported, known, gpos });
}

/** The last event of an import that was stored. `complete`: its records ended as an export does. */
export function importDoneEvent({ imported, known }: ImportCounts, complete: boolean, elapsedMs: number): Buffer {
  return eventOf({ done: true, imported, known, complete, elapsed: `${(elapsedMs / 1000).toFixed(1)}s` });
}

/** The last event of an import that failed; `line` counts from 1. */
export function importErrorEvent(code: string, message: string, line: number): Buffer {
  return eventOf({ error: code, message, ...(line > 0 && { line }) });
}

function eventOf(data: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(`data: ${JSON.stringify(data)}\n\n`);
}
