export type Bar = { readonly label: string; readonly value: number; readonly colour: string; readonly isBold: boolean };

export type BarChart = {
  readonly title: string;
  /** What the bars measure, for example `deliveries per second`. */
  readonly measure: string;
  readonly better: 'higher' | 'lower';
  /** Each group has its own scale; a single group needs no name. */
  readonly groups: readonly { readonly name?: string; readonly bars: readonly Bar[] }[];
  readonly format: (value: number) => string;
  /** Explains unexpected numbers. */
  readonly note?: string;
  /** Machine, commit and date. */
  readonly source: string;
};

const width = 800;
const rowHeight = 26;
const barHeight = 16;
const sizes = { title: 17, text: 13, small: 12 };
/** Width of a character relative to the font size: at least that of wide system fonts, also in bold, so that nothing overlaps. */
const characterWidth = 0.64;

// A README shows the file as an image, which can detect the reader’s colour scheme only by this query.
const style = `
text { font: ${sizes.text}px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1c1d21; }
.title { font-size: ${sizes.title}px; font-weight: 600; }
.small { font-size: ${sizes.small}px; fill: #5b5d66; }
.bold { font-weight: 600; }
@media (prefers-color-scheme: dark) {
  text { fill: #e9e6df; }
  .small { fill: #a5a29b; }
}`;

/** Horizontal bars, best first, as SVG for light and dark pages. */
export function barChart({ title, measure, better, groups, format, note, source }: BarChart): string {
  const all = groups.flatMap(({ bars }) => bars);
  const labelWidth = Math.max(...all.map(({ label }) => widthOf(label)));
  const valueWidth = Math.max(...all.map(({ value }) => widthOf(format(value))));
  const left = Math.ceil(labelWidth) + 10;
  const room = width - left - 8 - Math.ceil(valueWidth);
  const scale = groups.length > 1 ? '; each group has its own scale' : '';
  const parts = [text(title, 0, 20, 'title'), text(`${measure}; ${better} is better${scale}`, 0, 42, 'small')];
  let y = 60;
  for (const { name, bars } of groups) {
    if (name !== undefined) {
      parts.push(text(name, 0, y + sizes.text, 'bold'));
      y += rowHeight;
    }
    const longest = Math.max(...bars.map(({ value }) => value));
    for (const { label, value, colour, isBold } of sorted(bars, better)) {
      const length = Math.max(1.5, (room * value) / longest);
      const baseline = y + barHeight - 3;
      parts.push(
        text(label, left - 10, baseline, isBold ? 'bold' : '', 'end'),
        `<rect x="${left}" y="${y}" width="${length.toFixed(1)}" height="${barHeight}" rx="2" fill="${colour}"/>`,
        text(format(value), Number((left + length + 8).toFixed(1)), baseline, isBold ? 'bold' : ''),
      );
      y += rowHeight;
    }
    y += 6;
  }
  for (const line of [...wrapped(note ?? ''), ...wrapped(source)]) {
    parts.push(text(line, 0, y + sizes.small, 'small'));
    y += 18;
  }
  const height = y + 4;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}\n</style>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

function sorted(bars: readonly Bar[], better: BarChart['better']): Bar[] {
  const sign = better === 'higher' ? -1 : 1;
  return bars.toSorted((a, b) => sign * (a.value - b.value));
}

function text(content: string, x: number, y: number, className: string, anchor = 'start'): string {
  const attributes = `${className === '' ? '' : ` class="${className}"`}${anchor === 'end' ? ' text-anchor="end"' : ''}`;
  return `<text x="${x}" y="${y}"${attributes}>${escaped(content)}</text>`;
}

function widthOf(content: string): number {
  return content.length * sizes.text * characterWidth;
}

/** Breaks small text into lines that fit the width. */
function wrapped(content: string): string[] {
  const most = Math.floor(width / (sizes.small * characterWidth));
  const lines: string[] = [];
  for (const word of content.split(' ').filter(Boolean)) {
    const longer = `${lines.at(-1) ?? ''} ${word}`.trim();
    if (lines.length > 0 && longer.length <= most) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
