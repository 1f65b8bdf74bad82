import { describe, expect, test } from 'vitest';
import {
  allExpressions,
  conditionsIn,
  metricsIn,
  type Panel,
  panelExpressions,
  readAlerts,
  readDashboards,
  readMetricDocs,
  readText,
  readYaml,
} from '../support/monitoring.ts';

const dashboards = [...readDashboards()].map(([file, dashboard]) => ({ file, dashboard }));
/** Created by Prometheus itself. */
const synthetic = ['up', 'ALERTS'];
const targetLabels = ['instance', 'job'];

function panelsOf(panels: readonly Panel[]): Panel[] {
  return panels.filter(({ type }) => type !== 'row');
}

describe.each(dashboards)('The dashboard $file', ({ file, dashboard }) => {
  test('is identified by its file name and linked with the others, keeping time and variables.', () => {
    expect(dashboard.uid).toBe(`pokewire-${file.replace('.json', '')}`);
    expect(dashboard.tags).toEqual(['pokewire']);
    expect(dashboard.links).toMatchObject([
      { type: 'dashboards', tags: ['pokewire'], includeVars: true, keepTime: true },
    ]);
  });

  test('shares its crosshair among the panels and has a variable for the instance.', () => {
    expect(dashboard.graphTooltip).toBe(1);
    expect(dashboard.templating.list.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['datasource', 'instance']),
    );
  });

  test('describes every panel.', () => {
    expect(dashboard.description).toMatch(/\.$/);
    for (const { title, description } of panelsOf(dashboard.panels)) {
      expect(description, title).toMatch(/\.$/);
    }
  });

  test('gives every number a unit.', () => {
    for (const { title, type, fieldConfig, options } of panelsOf(dashboard.panels)) {
      const unit = type === 'heatmap' ? options?.yAxis?.unit : fieldConfig?.defaults.unit;
      if (type === 'table') expect(JSON.stringify(fieldConfig?.overrides), title).toContain('"unit"');
      else expect(unit, title).toMatch(/^\w+$/);
    }
  });

  test('places its panels side by side within 24 columns, none above another.', () => {
    const taken = new Map<string, string>();
    for (const { title, gridPos } of dashboard.panels) {
      expect(gridPos.x + gridPos.w, title).toBeLessThanOrEqual(24);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          expect(taken.get(`${x},${y}`), `${title} lies on another panel`).toBeUndefined();
          taken.set(`${x},${y}`, title);
        }
      }
    }
  });

  test('numbers its panels uniquely.', () => {
    const ids = dashboard.panels.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('uses only the selected data source.', () => {
    for (const { title, datasource, targets = [] } of panelsOf(dashboard.panels)) {
      expect(datasource?.uid, title).toBe(`\${datasource}`);
      for (const target of targets) expect(target.datasource.uid, title).toBe(`\${datasource}`);
    }
  });

  test('links to dashboards that exist.', () => {
    const uids = dashboards.map((other) => other.dashboard.uid);
    for (const { title, links = [] } of dashboard.panels) {
      for (const { url } of links) expect(uids, title).toContain(/^\/d\/([\w-]+)\?/.exec(url)?.[1]);
    }
  });
});

describe('The dashboards', () => {
  test('are one each for delivery, subscribers, consumer groups, nodes, pools, HTTP and the runtime.', () => {
    expect(dashboards.map(({ file }) => file).sort()).toEqual([
      'delivery.json',
      'groups.json',
      'http.json',
      'nodes.json',
      'pools.json',
      'runtime.json',
      'subscribers.json',
    ]);
  });

  test('read only the selected instances.', () => {
    for (const { where, expr } of panelExpressions()) {
      const selectors = conditionsIn(expr).filter(({ label }) => label === 'instance');
      expect(new Set(selectors.map(({ metric }) => metric)), where).toEqual(new Set(metricsIn(expr)));
      for (const { operator, value } of selectors) expect(operator + value, where).toBe('=~$instance');
    }
  });

  test('read a bounded time: the displayed range, the rate interval, or a number of minutes.', () => {
    for (const { where, expr } of panelExpressions()) {
      for (const [range] of expr.matchAll(/\[[^\]]*\]/g)) {
        expect(range, where).toMatch(/^\[(\$__rate_interval|\$__range|\d+m)\]$/);
      }
    }
  });
});

describe('The alerts', () => {
  test('state severity, meaning and remedy.', () => {
    for (const { alert, labels, annotations } of readAlerts()) {
      expect(['warning', 'critical'], alert).toContain(labels.severity);
      expect(annotations.summary, alert).toMatch(/^Pokewire \{\{ \$labels\.instance \}\} /);
      expect(annotations.description.length, alert).toBeGreaterThan(100);
    }
  });

  test('are each tested against invented series.', () => {
    const tried = readText('test/integration/alerts.test.yml');
    for (const { alert } of readAlerts()) expect(tried).toContain(`{alertname="${alert}"`);
  });
});

describe('The queries of dashboards and alerts', () => {
  const documented = new Map([...readMetricDocs('stores'), ...readMetricDocs()]);
  const metricOf = (name: string) => documented.get(name) ?? documented.get(name.replace(/_(bucket|sum|count)$/, ''));

  test('is documented.', () => {
    for (const { where, expr } of allExpressions()) {
      expect(metricsIn(expr).length, where).toBeGreaterThan(0);
      for (const name of metricsIn(expr)) {
        if (!synthetic.includes(name)) expect(metricOf(name), `${where}: ${name}`).toBeDefined();
      }
    }
  });

  test('uses conditions that can hold: labels that the metric has, with existing values.', () => {
    for (const { where, expr } of allExpressions()) {
      for (const { metric, label, operator, value } of conditionsIn(expr)) {
        if (synthetic.includes(metric) || targetLabels.includes(label) || value.startsWith('$')) continue;
        const { labels } = metricOf(metric)!;
        expect([...labels.keys()], `${where}: ${metric}`).toContain(label);
        const values = labels.get(label);
        const asked = operator.endsWith('~') ? value.split('|') : [value];
        if (values !== undefined) expect(values, `${where}: ${metric}`).toEqual(expect.arrayContaining(asked));
      }
    }
  });
});

describe('Provisioning', () => {
  const [source] = readYaml('grafana/provisioning/datasources/prometheus.yml').datasources;

  test('makes Prometheus the default data source, which dashboards use initially.', () => {
    expect(source).toMatchObject({ type: 'prometheus', isDefault: true });
    for (const { dashboard } of dashboards) {
      const variable = dashboard.templating.list.find(({ name }) => name === 'datasource');
      expect(variable).toMatchObject({ query: source.type, current: { value: source.uid } });
    }
  });

  test('gives Grafana the scrape interval, from which it derives the rate interval.', () => {
    const { global } = readYaml('grafana/prometheus/prometheus.yml');
    expect(source.jsonData.timeInterval).toBe(global.scrape_interval);
  });
});
