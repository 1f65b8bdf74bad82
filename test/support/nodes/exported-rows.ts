import type { Row } from './ledger.ts';

type ExportedRecord = {
  readonly id: string;
  readonly stream: string;
  readonly pos: number;
  readonly gpos: number;
  readonly end?: { readonly records: number };
};

/** The log as exported by a node, in order; throws unless it is complete. */
export async function exportedRows(url: string): Promise<Row[]> {
  const response = await fetch(`${url}/export`);
  const lines = (await response.text()).trimEnd().split('\n');
  const records = lines.map((line) => JSON.parse(line) as ExportedRecord);
  const end = records.at(-1)?.end?.records;
  const rows = end === 0 ? [] : records;
  if (rows.length !== end) throw new Error(`the export has ${rows.length} records and says ${end}`);
  return rows.map(({ id, stream, pos, gpos }) => ({ id, stream, position: pos, globalPosition: gpos }));
}
