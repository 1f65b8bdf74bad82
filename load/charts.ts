/** `npm run load:charts`: generates docs/benchmarks.md and docs/charts/ from the newest result of each scenario. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawCharts } from './lib/charts.ts';
import { benchmarksPage, type Picture } from './lib/page.ts';
import { newestBounds, newestResults } from './lib/result-files.ts';

const root = join(import.meta.dirname, '..');
const results = newestResults(join(root, 'load/results'));
const charts = join(root, 'docs/charts');
const pictures: Picture[] = [];
mkdirSync(charts, { recursive: true });

for (const { scenario, name, title, svg } of drawCharts(results)) {
  writeFileSync(join(charts, `${name}.svg`), svg);
  pictures.push({ scenario, file: `charts/${name}.svg`, alt: title });
}

writeFileSync(
  join(root, 'docs/benchmarks.md'),
  benchmarksPage(results, pictures, newestBounds(join(root, 'load/results'))),
);
console.log(`docs/benchmarks.md and ${pictures.length} charts`);
