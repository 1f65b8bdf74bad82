import { cpSync } from 'node:fs';

// The compiler emits code only; the page of /docs is read from beside it.
cpSync(new URL('src/http/docs-page/', import.meta.url), new URL('dist/http/docs-page/', import.meta.url), {
  recursive: true,
});
