import { createConfig, lintFromString } from '@redocly/openapi-core';
import spectral from '@stoplight/spectral-core';
import { oas } from '@stoplight/spectral-rulesets';
import { expect, test } from 'vitest';
import { startTestApp } from '../support/start-app.ts';

async function readDescription(): Promise<string> {
  await using app = await startTestApp();
  return (await app.get('/openapi.json')).text;
}

test('Spectral reports nothing about the description with its recommended rules.', async () => {
  const linter = new spectral.Spectral();
  linter.setRuleset({ extends: [[oas as never, 'recommended']], rules: {} });
  const findings = await linter.run(JSON.parse(await readDescription()));
  expect(findings.map(({ code, path, message }) => `${code} ${path.join('.')} ${message}`)).toEqual([]);
});

test('Redocly reports nothing about the description with its recommended rules.', async () => {
  const config = await createConfig({ extends: ['recommended'] });
  const findings = await lintFromString({ source: await readDescription(), absoluteRef: 'openapi.json', config });
  expect(findings.map(({ ruleId, location, message }) => `${ruleId} ${location[0]?.pointer} ${message}`)).toEqual([]);
});

test('Every operation has a unique id and documents its credentials.', async () => {
  const { paths, components } = JSON.parse(await readDescription()) as {
    paths: Record<string, Record<string, { operationId: string; security: Record<string, unknown>[] }>>;
    components: { securitySchemes: Record<string, unknown> };
  };
  const operations = Object.values(paths).flatMap((methods) => Object.values(methods));
  const ids = operations.map(({ operationId }) => operationId);
  expect(new Set(ids).size).toBe(ids.length);
  const schemes = new Set(operations.flatMap(({ security }) => security.flatMap((way) => Object.keys(way))));
  expect([...schemes].toSorted()).toEqual(Object.keys(components.securitySchemes).toSorted());
  const open = operations.filter(({ security }) => security.length === 0).map(({ operationId }) => operationId);
  expect(open.toSorted()).toEqual(['checkHealth', 'checkReadiness', 'endSession', 'readVersion']);
});

type Schema = {
  readonly $ref?: string;
  readonly type?: string;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly minimum?: number;
  readonly maximum?: number;
};

/** Keywords that bound each type. */
const bounded: Readonly<Record<string, readonly string[]>> = {
  string: ['maxLength', 'pattern', 'const', 'enum', 'format'],
  integer: ['maximum', 'const', 'enum'],
  number: ['maximum', 'const', 'enum'],
  array: ['maxItems'],
};

/** Texts and lists bounded by the limit of the request's head or body. */
const boundByRequest = [
  'GET /subscribe lastEventId',
  'GET /subscribe Last-Event-ID',
  'POST /import application/x-ndjson',
  'POST /rpc application/json',
];

test('Every number, text and list in a request has a documented bound, or is bounded by the request as a whole.', async () => {
  const { paths, components } = JSON.parse(await readDescription()) as {
    paths: Record<string, Record<string, { parameters?: { name: string; schema: Schema }[]; requestBody?: Body }>>;
    components: { schemas: Record<string, Schema> };
  };
  type Body = { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  const unbounded = (schema: Schema, at: string): string[] => {
    if (schema.$ref !== undefined) return unbounded(components.schemas[schema.$ref.split('/').at(-1)!]!, at);
    const bounds = bounded[schema.type ?? ''];
    const isOpen = bounds !== undefined && !bounds.some((bound) => bound in schema);
    return [
      ...(isOpen ? [at] : []),
      ...(schema.anyOf ?? []).flatMap((one) => unbounded(one, at)),
      ...(schema.items === undefined ? [] : unbounded(schema.items, `${at} item`)),
      ...Object.entries(schema.properties ?? {}).flatMap(([name, one]) => unbounded(one, `${at} ${name}`)),
    ];
  };
  const found = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { parameters = [], requestBody }]) => {
      const route = `${method.toUpperCase()} ${path}`;
      return [
        ...parameters.flatMap(({ name, schema }) => unbounded(schema, `${route} ${name}`)),
        ...Object.entries(requestBody?.content ?? {}).flatMap(([type, { schema }]) =>
          unbounded(schema, `${route} ${type}`),
        ),
      ];
    }),
  );
  expect(found).toEqual(boundByRequest);
});

test('A message is described once, and referenced wherever it occurs.', async () => {
  const description = await readDescription();
  const { components } = JSON.parse(description) as { components: { schemas: Record<string, unknown> } };
  expect(Object.keys(components.schemas)).toEqual(
    expect.arrayContaining(['Appended', 'Error', 'Message', 'NewMessage', 'Poke', 'Stream']),
  );
  expect(description.match(/"#\/components\/schemas\/Message"/g)).toHaveLength(3);
});
