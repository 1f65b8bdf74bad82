/** The parts that differ between the documents of pages. */
type DocumentParts = {
  /** Plain text without characters that need escaping. */
  readonly title: string;
  /** Markup for the head, in addition to the common part; one line or more. */
  readonly head: string;
  /** Markup of the body. */
  readonly body: string;
};

/** The frame of every page. */
export function documentOf({ title, head, body }: DocumentParts): string {
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>${title}</title>
${head}  </head>
  <body>
${body}  </body>
</html>
`;
}
