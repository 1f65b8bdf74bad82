import { cpSync } from 'node:fs';

// The compiler emits code only; pages are read from beside it.
for (const page of ['common', 'docs-page', 'browse-page', 'reference-page', 'diagnose-page', 'groups-page']) {
  cpSync(new URL(`src/http/pages/${page}/`, import.meta.url), new URL(`dist/http/pages/${page}/`, import.meta.url), {
    recursive: true,
  });
}
