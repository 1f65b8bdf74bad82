import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'vitest';
import type { TestApp } from '../support/start-app.ts';

/** One operation of the description. */
export type Operation = {
  readonly id: string;
  readonly method: string;
  readonly path: string;
  readonly security: readonly unknown[];
  readonly takesBody: boolean;
  readonly responses: Readonly<Record<string, unknown>>;
};

type Document = {
  readonly paths: Record<string, Record<string, Record<string, unknown> & { operationId: string }>>;
  readonly components: { readonly responses: Record<string, unknown> };
};

/** The running server's description, for comparing answers with it. */
export class Description {
  readonly document: Document;
  readonly operations: readonly Operation[];
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false });

  static async of(app: TestApp, token: string): Promise<Description> {
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(`${app.url}/openapi.json`, { headers });
    expect(response.status).toBe(200);
    return new Description((await response.json()) as Document);
  }

  private constructor(document: Document) {
    this.document = document;
    this.#ajv.addSchema({ ...document, $id: 'description' });
    this.operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { operationId, security, requestBody, responses }]) => ({
        id: operationId,
        method: method.toUpperCase(),
        path,
        security: security as unknown[],
        takesBody: requestBody !== undefined,
        responses: responses as Record<string, unknown>,
      })),
    );
  }

  /** Fails unless the status is documented by number, and the answer has a documented type and matches its schema. */
  async expectFits({ id, method, path, responses }: Operation, response: Response, body: string): Promise<void> {
    const { status } = response;
    expect(Object.keys(responses), `${id} answers ${status}: ${body}`).toContain(`${status}`);
    const at = ['paths', path, method.toLowerCase(), 'responses', `${status}`];
    const { $ref } = responses[status] as { $ref?: string };
    const where = $ref === undefined ? at : $ref.slice(2).split('/');
    const { content = {} } = partAt(this.document, where) as { content?: Record<string, unknown> };
    const [type = ''] = (response.headers.get('content-type') ?? '').split(';');
    expect(Object.keys(content), `type of ${id}, ${status}`).toEqual(type === '' ? [] : [type]);
    if (type === '') return;
    const pointer = [...where, 'content', type, 'schema'].map(escaped).join('/');
    const fits = this.#ajv.compile({ $ref: `description#/${pointer}` });
    const value = type === 'application/json' ? JSON.parse(body) : body;
    expect(fits(value), `${id}, ${status}: ${this.#ajv.errorsText(fits.errors)} in ${body}`).toBe(true);
  }
}

function partAt(document: unknown, keys: readonly string[]): unknown {
  return keys.reduce((part, key) => (part as Record<string, unknown>)[key], document);
}

function escaped(key: string): string {
  return encodeURIComponent(key.replaceAll('~', '~0').replaceAll('/', '~1'));
}
