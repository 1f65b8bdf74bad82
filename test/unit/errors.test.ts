import { describe, expect, test } from 'vitest';
import { type ErrorCode, errorBody, errorStatuses, invalid, PokewireError } from '../../src/errors.ts';

const statuses: Record<ErrorCode, number> = {
  INVALID_REQUEST: 400,
  AUTH_REQUIRED: 401,
  AUTH_INVALID_TOKEN: 401,
  AUTH_UNAUTHORIZED: 403,
  METHOD_NOT_FOUND: 404,
  NAMESPACE_NOT_FOUND: 404,
  NAMESPACE_EXISTS: 409,
  HOST_NOT_ALLOWED: 421,
  RATE_LIMITED: 429,
  NOT_FOUND: 404,
  STREAM_NOT_FOUND: 404,
  MESSAGE_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  STREAM_VERSION_CONFLICT: 409,
  DUPLICATE_MESSAGE_ID: 409,
  FENCED: 409,
  GROUP_EXISTS: 409,
  GROUP_BUSY: 409,
  MEMBER_TAKEN: 409,
  STREAM_HELD: 409,
  TOO_MANY_HELD: 409,
  GROUP_NOT_FOUND: 404,
  TOO_MANY_GROUPS: 503,
  TOO_MANY_MEMBERS: 503,
  LOG_GONE: 410,
  LOG_FORGOTTEN: 410,
  BODY_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  HEADERS_TOO_LARGE: 431,
  INTERNAL_ERROR: 500,
  BACKEND_ERROR: 500,
  NOT_SUPPORTED: 501,
  NOT_READY: 503,
  OVERLOADED: 503,
  TOO_MANY_SUBSCRIPTIONS: 503,
  STORE_FULL: 507,
  TOO_MANY_NAMESPACES: 507,
};

describe('an error', () => {
  test.each(Object.entries(statuses))('of code %s has status %i', (code, status) => {
    expect(new PokewireError(code as ErrorCode, 'text').status).toBe(status);
  });

  test('has no codes other than these', () => {
    expect(Object.keys(errorStatuses).sort()).toEqual(Object.keys(statuses).sort());
  });

  test('keeps its cause for the log', () => {
    const cause = new Error('disk');
    expect(new PokewireError('BACKEND_ERROR', 'text', { cause }).cause).toBe(cause);
  });

  test('has no cause unless one is given', () => {
    expect(new PokewireError('BACKEND_ERROR', 'text')).not.toHaveProperty('cause');
  });
});

describe('the refusal of a field', () => {
  test('names it in the sentence and in the details', () => {
    expect(invalid('size', 'is missing')).toMatchObject({
      code: 'INVALID_REQUEST',
      status: 400,
      message: 'size is missing',
      details: { field: 'size' },
    });
  });
});

describe('the body of an error', () => {
  test('has code, message and details', () => {
    const body = errorBody(new PokewireError('STREAM_VERSION_CONFLICT', 'no', { details: { expected: 1, actual: 2 } }));
    expect(body).toBe(
      '{"error":{"code":"STREAM_VERSION_CONFLICT","message":"no","details":{"expected":1,"actual":2}}}',
    );
  });

  test('omits details if there are none', () => {
    expect(errorBody(new PokewireError('NOT_FOUND', 'no'))).toBe('{"error":{"code":"NOT_FOUND","message":"no"}}');
  });

  test('never shows the cause', () => {
    expect(errorBody(new PokewireError('INTERNAL_ERROR', 'no', { cause: new Error('secret') }))).not.toContain(
      'secret',
    );
  });
});
