import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type BarChart, barChart } from '../../load/lib/chart.ts';
import { drawCharts } from '../../load/lib/charts.ts';
import { duration } from '../../load/lib/number-text.ts';
import { newestResults } from '../../load/lib/result-files.ts';
import { servers } from '../../load/lib/servers.ts';

/** Background colours of a README. */
const [white, black] = ['#ffffff', '#0d1117'];

type Box = { left: number; right: number; top: number; bottom: number; content: string };

const fontSizes = { title: 17, small: 12 } as Readonly<Record<string, number>>;

/** Boxes of all texts, with the width in common system fonts. */
function textsOf(svg: string): Box[] {
  const pattern = /<text x="([\d.]+)" y="([\d.]+)"(?: class="(\w+)")?( text-anchor="end")?>([^<]*)</g;
  return [...svg.matchAll(pattern)].map(([, x, y, className = '', anchor, content = '']) => {
    const size = fontSizes[className] ?? 13;
    const width = content.length * size * 0.62;
    const left = Number(x) - (anchor === undefined ? 0 : width);
    return { left, right: left + width, top: Number(y) - size * 0.8, bottom: Number(y) + size * 0.2, content };
  });
}

function rectsOf(svg: string): Box[] {
  const pattern = /<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"/g;
  return [...svg.matchAll(pattern)].map(([content, x, y, width, height]) => {
    const [left, top] = [Number(x), Number(y)];
    return { left, right: left + Number(width), top, bottom: top + Number(height), content };
  });
}

const overlap = (a: Box, b: Box) =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom ? [`${a.content} | ${b.content}`] : [];

/** Contrast of two colours by WCAG 2. */
function contrast(a: string, b: string): number {
  const [light, dark] = [a, b].map(luminance).sort((x, y) => y - x) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

const bar = (label: string, value: number) => ({ label, value, colour: '#123456', isBold: false });

const chart: BarChart = {
  title: 'Title',
  measure: 'Deliveries per second',
  better: 'higher',
  groups: [{ bars: [bar('slow', 1), bar('fast', 3), bar('middling', 2)] }],
  format: (value) => `${value}k`,
  source: 'a machine',
};

const labelsOf = (svg: string) =>
  textsOf(svg).flatMap(({ content }) => (/^(slow|fast|middling)$/.test(content) ? content : []));

describe('A bar chart', () => {
  test('shows the best bar first, whether higher or lower is better.', () => {
    expect(labelsOf(barChart(chart))).toEqual(['fast', 'middling', 'slow']);
    expect(labelsOf(barChart({ ...chart, better: 'lower' }))).toEqual(['slow', 'middling', 'fast']);
  });

  test('says what is better, where it was measured, and explains the numbers.', () => {
    const contents = textsOf(barChart({ ...chart, note: 'because' })).map(({ content }) => content);
    expect(contents).toEqual(
      expect.arrayContaining(['Deliveries per second; higher is better', 'a machine', 'because']),
    );
  });

  test('draws each group to its own scale.', () => {
    const groups = [
      { name: 'few', bars: [bar('fast', 1)] },
      { name: 'many', bars: [bar('fast', 1_000), bar('slow', 500)] },
    ];
    const [few, many, half] = rectsOf(barChart({ ...chart, groups })).map(({ left, right }) => right - left);
    expect(few).toBe(many);
    expect(half).toBeCloseTo(many! / 2, 0);
  });

  test('shows names verbatim, whatever they contain.', () => {
    const svg = barChart({ ...chart, groups: [{ bars: [bar('<a & "b">', 1)] }] });
    expect(svg).toContain('>&lt;a &amp; &quot;b&quot;></text>');
  });

  test('has readable text on white and, in the reader’s dark scheme, on black.', () => {
    const [light = '', dark = ''] = barChart(chart).split('prefers-color-scheme: dark');
    for (const [rules, background] of [[light, white] as const, [dark, black] as const]) {
      const colours = [...rules.split('</style>')[0]!.matchAll(/fill: (#\w{6})/g)].map(([, colour]) => colour!);
      expect(colours).toHaveLength(2);
      for (const colour of colours) expect(contrast(colour, background!)).toBeGreaterThan(4.5);
    }
  });
});

describe('The charts of the newest results', () => {
  const drawn = drawCharts(newestResults(join(import.meta.dirname, '../../load/results')));

  test.each(drawn)('have no overlapping text and nothing outside of the picture: $name.', ({ svg }) => {
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number);
    const boxes = [...textsOf(svg), ...rectsOf(svg)];
    expect(boxes.length).toBeGreaterThan(5);
    expect(boxes.flatMap((box, at) => boxes.slice(at + 1).flatMap((other) => overlap(box, other)))).toEqual([]);
    expect(
      boxes.filter(({ left, right, top, bottom }) => left < 0 || top < 0 || right > width! || bottom > height!),
    ).toEqual([]);
  });

  test('say why one write to each subscriber is enough under the two that compare servers.', () => {
    for (const name of ['fan-out', 'concurrent-publishers']) {
      expect(drawn.find((one) => one.name === name)?.svg).toContain('One write carries many pokes');
    }
  });
});

test('Every server has its own colour, which is visible on white and on black.', () => {
  const others = Object.values(servers).filter(({ isOurs }) => !isOurs);
  const ours = Object.values(servers).filter(({ isOurs }) => isOurs);
  const colours = [...new Set(ours.map(({ colour }) => colour)), ...others.map(({ colour }) => colour)];
  expect(new Set(colours).size).toBe(others.length + 1);
  for (const colour of colours) {
    expect([colour, contrast(colour, white!) > 3, contrast(colour, black!) > 3]).toEqual([colour, true, true]);
  }
});

test.each([
  [63.34, '63.3 ns'],
  [999.4, '999 ns'],
  [999.6, '1 µs'],
  [4_708.2, '4.71 µs'],
  [365_600, '366 µs'],
  [1_241_100, '1.24 ms'],
  [441_450_000, '441 ms'],
  [5_820_000_000, '5.82 s'],
])('%d nanoseconds read as %s.', (ns, text) => {
  expect(duration(ns)).toBe(text);
});
