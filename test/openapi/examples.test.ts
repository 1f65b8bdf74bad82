import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { startTestApp } from '../support/start-app.ts';

type Media = { readonly schema: object; readonly example?: unknown };
type Answer = {
  readonly description: string;
  readonly content?: Readonly<Record<string, Media>>;
  readonly headers?: Readonly<Record<string, { readonly schema: { readonly examples?: readonly unknown[] } }>>;
};
type Document = {
  readonly paths: Readonly<Record<string, Readonly<Record<string, { responses: Readonly<Record<string, Answer>> }>>>>;
  readonly components: {
    readonly responses: { readonly Error: Answer };
    readonly schemas: Readonly<Record<string, object>>;
  };
};

async function readDescription(): Promise<Document> {
  await using app = await startTestApp();
  return (await app.get('/openapi.json')).body;
}

/** Every successful answer with a body, and the common error. */
function bodiesOf({ paths, components }: Document) {
  const answers = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).flatMap(([method, { responses }]) =>
      Object.entries(responses)
        .filter(([, answer]) => !('$ref' in answer))
        .map(([status, answer]) => ({ name: `${method.toUpperCase()} ${path} ${status}`, answer })),
    ),
  );
  return [...answers, { name: 'a failure', answer: components.responses.Error }].flatMap(({ name, answer }) =>
    Object.entries(answer.content ?? {}).map(([type, media]) => ({ name, type, media, headers: answer.headers ?? {} })),
  );
}

test('Every answer with a body has an example, or an example of a header if it is a file.', async () => {
  const bodies = bodiesOf(await readDescription());
  expect(bodies.length).toBeGreaterThan(30);
  const empty = bodies.filter(({ media, headers }) => {
    const examples = [media.example, ...Object.values(headers).flatMap(({ schema }) => schema.examples)];
    return examples.every((example) => example === undefined || example === '');
  });
  expect(empty.map(({ name }) => name)).toEqual([]);
});

test('Every example matches its schema and contains all of its members.', async () => {
  const document = await readDescription();
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ ...document, $id: 'description' });
  for (const { name, media } of bodiesOf(document)) {
    if (media.example === undefined) continue;
    const within = JSON.parse(JSON.stringify(media.schema).replaceAll('"#/', '"description#/'));
    const fits = ajv.compile(within);
    expect(fits(media.example), `${name}: ${ajv.errorsText(fits.errors)}`).toBe(true);
    expect(missing(media.schema as Schema, media.example, document), name).toEqual([]);
  }
});

type Schema = {
  readonly $ref?: string;
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
};

/** Names of the schema's members that the example lacks. */
function missing(schema: Schema, example: unknown, { components: { schemas } }: Document): string[] {
  const look = (part: Schema, value: unknown, at: string): string[] => {
    if (part.$ref !== undefined) return look(schemas[part.$ref.split('/').at(-1)!] as Schema, value, at);
    if (value === null || value === undefined) return [];
    if (part.anyOf !== undefined)
      return part.anyOf.filter(({ properties }) => properties).flatMap((one) => look(one, value, at));
    if (part.items !== undefined && Array.isArray(value))
      return value.flatMap((one) => look(part.items!, one, `${at}[]`));
    return Object.entries(part.properties ?? {}).flatMap(([member, inner]) => {
      const name = `${at}.${member}`;
      return Object.hasOwn(value, member) ? look(inner, (value as Record<string, unknown>)[member], name) : [name];
    });
  };
  return look(schema, example, '');
}
