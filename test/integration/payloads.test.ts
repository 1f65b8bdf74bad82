import { expect, test } from 'vitest';
import { maxNesting } from '../../src/message/payload.ts';
import { importBody, recordAt } from '../support/import-client.ts';
import { startTestApp } from '../support/start-app.ts';

const nested = (levels: number) => '{"a":'.repeat(levels) + 1 + '}'.repeat(levels);

test.each([
  ['a number beyond doubles', '{"n":1e400}', nested(1)],
  ['a number longer than a number may be', `{"n":0.${'1'.repeat(1_000)}}`, `{"n":0.${'1'.repeat(998)}}`],
  ['a lone surrogate', '{"s":"\\ud800"}', '{"s":"\\ud83d\\ude00"}'],
  ['one level too many', nested(maxNesting + 1), nested(maxNesting)],
  ['10,000 levels', nested(10_000), nested(maxNesting)],
])('A payload with %s gets in by no way, and what is just within the limit by each.', async (_what, bad, good) => {
  await using app = await startTestApp();
  const json = { 'content-type': 'application/json' };
  const post = async (path: string, body: string) =>
    (await fetch(`${app.url}${path}`, { method: 'POST', headers: json, body })).status;
  const importOf = async (query: string, members: string) => {
    const record = recordAt('i-1/0@1000').replace('"data":{"at":"i-1/0@1000"},"meta":{}', members);
    return (await importBody(`${app.url}/import${query}`, record)).events[0].error ?? 'done';
  };
  const outcomes = async (payload: string) => {
    const ways = [];
    for (const [data, metadata] of [
      [payload, 'null'],
      ['{}', payload],
    ]) {
      const message = `{"type":"T","data":${data},"metadata":${metadata}}`;
      ways.push(
        await post('/streams/a-1/messages', message),
        await post('/streams/a-1/messages', `[{"type":"T","data":{}},${message}]`),
        await post('/rpc', `["stream.write","a-1",${message}]`),
        await importOf('', `"data":${data},"meta":${metadata}`),
      );
    }
    return ways;
  };
  const refused = [400, 400, 400, 'INVALID_RECORD'];
  expect(await outcomes(bad)).toEqual([...refused, ...refused]);
  expect((await app.get('/streams')).body.streams).toEqual([]);
  // The second import has the same position as the first, with another payload.
  expect(await outcomes(good)).toEqual([201, 201, 200, 'done', 201, 201, 200, 'POSITION_EXISTS']);
});
