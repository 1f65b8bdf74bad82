/** The events of an import's answer, which HTTP frames as it does every body. EventoDB's importers read lines that begin with `data: `, and no event names. */

/** How far an import is: messages so far, and the global position of the last one. */
export function importProgressEvent(imported: number, gpos: number): Buffer {
  return eventOf({ imported, gpos });
}

/** The last event of an import that was stored. */
export function importDoneEvent(imported: number, elapsedMs: number): Buffer {
  return eventOf({ done: true, imported, elapsed: `${(elapsedMs / 1000).toFixed(1)}s` });
}

/** The last event of an import that failed; `line` counts from 1. */
export function importErrorEvent(code: string, message: string, line: number): Buffer {
  return eventOf({ error: code, message, ...(line > 0 && { line }) });
}

function eventOf(data: Readonly<Record<string, unknown>>): Buffer {
  return Buffer.from(`data: ${JSON.stringify(data)}\n\n`);
}
