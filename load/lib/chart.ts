import { BarChart, LineChart } from 'echarts/charts';
import { GridComponent, LegendComponent, TitleComponent } from 'echarts/components';
import { init, use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { short } from './number-text.ts';

use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

/** Pokewire first, then as told apart by people with all kinds of sight (Okabe and Ito). */
const colours = ['#d55e00', '#0072b2', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7f7f7f', '#000000', '#a07000'];
const size = { width: 760, height: 420 };
const font = 'system-ui, sans-serif';

export type Line = { readonly name: string; readonly points: readonly (readonly [x: number, y: number])[] };

export type LineChartOptions = {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** Axes in powers of ten. */
  readonly logarithmic: 'x and y' | 'y' | 'none';
  readonly lines: readonly Line[];
};

/** Lines over a numeric axis, as SVG text. */
export function lineChart({ title, x, y, logarithmic, lines }: LineChartOptions): string {
  return render({
    ...frameOf(title),
    legend: { bottom: 4, itemGap: 26 },
    xAxis: {
      type: logarithmic === 'x and y' ? 'log' : 'value',
      name: x,
      nameLocation: 'middle',
      nameGap: 28,
      axisLabel: { formatter: (value: number) => short(value) },
    },
    yAxis: {
      type: logarithmic === 'none' ? 'value' : 'log',
      name: y,
      axisLabel: { formatter: (value: number) => short(value) },
    },
    series: lines.map(({ name, points }, at) => ({
      type: 'line',
      name,
      data: points.map((point) => [...point]),
      symbolSize: 7,
      lineStyle: { width: at === 0 ? 3.5 : 1.8 },
      color: colours[at % colours.length],
    })),
  });
}

export type BarChartOptions = {
  readonly title: string;
  readonly y: string;
  readonly groups: readonly string[];
  readonly bars: readonly { readonly name: string; readonly values: readonly number[] }[];
};

/** Bars by group, each with its value above, as SVG text. */
export function barChart({ title, y, groups, bars }: BarChartOptions): string {
  return render({
    ...frameOf(title),
    ...(bars.length > 1 ? { legend: { bottom: 4, itemGap: 26 } } : {}),
    xAxis: { type: 'category', data: [...groups], axisLabel: { interval: 0, rotate: groups.length > 4 ? 25 : 0 } },
    yAxis: { type: 'value', name: y, axisLabel: { formatter: (value: number) => short(value) } },
    series: bars.map(({ name, values }, bar) => ({
      type: 'bar',
      name,
      data: values.map((value, at) => ({
        value,
        itemStyle: { color: colours[bars.length > 1 ? bar : Math.min(at, 1)] },
      })),
      color: colours[bar],
      label: { show: true, position: 'top', formatter: ({ value }: { value: number }) => short(value) },
    })),
  });
}

function frameOf(title: string) {
  return {
    animation: false,
    backgroundColor: '#ffffff',
    textStyle: { fontFamily: font },
    title: { text: title, left: 'center', textStyle: { fontSize: 15, fontFamily: font } },
    grid: { left: 70, right: 40, top: 70, bottom: 90 },
  };
}

function render(option: Record<string, unknown>): string {
  const chart = init(null, null, { renderer: 'svg', ssr: true, ...size });
  chart.setOption(option);
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}
