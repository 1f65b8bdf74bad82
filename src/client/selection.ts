/** Selectors of a subscription, named as in the protocol. */
export type Selection =
  | {
      readonly stream: string | readonly string[];
      readonly category?: string | readonly string[];
      readonly all?: never;
    }
  | {
      readonly category: string | readonly string[];
      readonly stream?: never;
      readonly all?: never;
      /** Consumer group member, from 0; with `size`. */
      readonly consumer?: number;
      readonly size?: number;
    }
  | { readonly all: true; readonly stream?: never; readonly category?: never };

/** Selectors in the form of the ticket route. */
export type Selectors = {
  readonly stream?: readonly string[] | undefined;
  readonly category?: readonly string[] | undefined;
  readonly all?: true | undefined;
  readonly consumer?: number | undefined;
  readonly size?: number | undefined;
};

/** Normalizes a selection. */
export function selectorsOf(selection: Selection): Selectors {
  const { stream, category, all, consumer, size } = selection as Selectors & Record<'stream' | 'category', string>;
  return { stream: stream && [stream].flat(), category: category && [category].flat(), all, consumer, size };
}

/** Encodes a query string. Omits undefined values, and repeats the name for arrays. */
export function queryOf(values: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values))
    for (const one of [value].flat()) if (one !== undefined) query.append(name, String(one));
  return `${query}`;
}
