import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** The parts of a Grafana panel used by tests. */
export type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit?: string }; readonly overrides: readonly unknown[] };
  readonly links?: readonly { readonly url: string }[];
  readonly options?: { readonly yAxis?: { readonly unit?: string } };
  readonly targets?: readonly { readonly expr: string; readonly datasource: { readonly uid: string } }[];
};

/** The parts of a Grafana dashboard used by tests. */
export type Dashboard = {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly graphTooltip: number;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly links: readonly { readonly type: string; readonly tags: readonly string[]; readonly includeVars: boolean }[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly { readonly target?: { readonly expr?: string } }[] };
};

type Variable = {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
  readonly current: { readonly value: unknown };
};

/** One rule of the alerts file. */
export type AlertRule = {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly description: string };
};

/** A PromQL expression and its location. */
export type Expression = { readonly where: string; readonly expr: string };

const root = new URL('../../', import.meta.url);

export function readText(path: string): string {
  return readFileSync(new URL(path, root), 'utf8');
}

// biome-ignore lint/suspicious/noExplicitAny: a file of any shape
export function readYaml(path: string): any {
  // Compose uses `<<` merges, a feature of YAML 1.1.
  return parse(readText(path), { merge: true });
}

/** Shipped dashboards by file name. */
export function readDashboards(): Map<string, Dashboard> {
  const files = readdirSync(new URL('grafana/dashboards/', root));
  return new Map(files.map((file) => [file, JSON.parse(readText(`grafana/dashboards/${file}`))]));
}

export function readAlerts(): AlertRule[] {
  return readYaml('grafana/prometheus/alerts.yml').groups.flatMap((group: { rules: AlertRule[] }) => group.rules);
}

/** Queries of the dashboards' panels. */
export function panelExpressions(): Expression[] {
  return [...readDashboards()].flatMap(([file, { panels }]) =>
    panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ where: `${file}: ${title}`, expr }))),
  );
}

/** Queries of panels, variables, annotations and alerts. */
export function allExpressions(): Expression[] {
  const beside = [...readDashboards()].flatMap(([file, { templating, annotations }]) => [
    ...templating.list
      .filter(({ type }) => type === 'query')
      .map(({ name, query }) => ({
        where: `${file}: $${name}`,
        expr: typeof query === 'string' ? query : query.query,
      })),
    ...annotations.list.flatMap(({ target }) =>
      target?.expr === undefined ? [] : [{ where: `${file}: an annotation`, expr: target.expr }],
    ),
  ]);
  return [...panelExpressions(), ...beside, ...readAlerts().map(({ alert, expr }) => ({ where: alert, expr }))];
}

/** Metrics read by an expression. */
export function metricsIn(expr: string): string[] {
  const words = expr
    // In a variable's query, the listed label is not a metric.
    .replace(/^label_values\((.*),\s*\w+\)$/s, '$1')
    .replace(/"(?:[^"\\]|\\.)*"/g, '""')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ')
    .match(/[a-zA-Z_:][\w:]*\b(?!\s*\()/g);
  return [...new Set(words)].filter((word) => !['or', 'and', 'unless', 'bool', 'offset'].includes(word));
}

/** The label conditions of each metric in an expression. */
export function conditionsIn(expr: string): { metric: string; label: string; operator: string; value: string }[] {
  return [...expr.matchAll(/([a-zA-Z_:][\w:]*)\{([^}]*)\}/g)].flatMap(([, metric = '', conditions = '']) =>
    [...conditions.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(([, label = '', operator = '', value = '']) => ({
      metric,
      label,
      operator,
      value,
    })),
  );
}

/** A metric as documented in docs/metrics.md. A label's values are undefined if not listed. */
export type DocumentedMetric = {
  readonly type: string;
  readonly labels: ReadonlyMap<string, readonly string[] | undefined>;
};

/** Metrics in the tables of docs/metrics.md, or those of a single store in docs/stores.md. */
export function readMetricDocs(page: 'metrics' | 'stores' = 'metrics'): Map<string, DocumentedMetric> {
  const metrics = new Map<string, DocumentedMetric>();
  for (const line of readText(`docs/${page}.md`).split('\n')) {
    const [names = '', type = '', labels = ''] = line.startsWith('| `') ? cellsOf(line) : [];
    for (const name of quotedIn(names)) metrics.set(name, { type, labels: labelsOf(labels) });
  }
  return metrics;
}

function cellsOf(line: string): string[] {
  return line
    .split('|')
    .map((cell) => cell.trim())
    .slice(1);
}

function labelsOf(cell: string): Map<string, string[] | undefined> {
  // Tables of standard metrics have no column for labels.
  if (!/^`\w+`: /.test(cell)) return new Map();
  return new Map(
    cell.split('; ').map((part) => {
      const [label = '', ...values] = quotedIn(part);
      return [label, values.length === 0 ? undefined : values];
    }),
  );
}

function quotedIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, quoted = '']) => quoted);
}
