import { type ErrorCode, type ErrorDetails, errorStatuses, PokewireError } from '../../errors.ts';

/**
 * EventoDB has a single code, `INVALID_REQUEST`, for all invalid requests, and distinguishes them by status. So this
 * error has the status of another code.
 */
export class RequestRefusal extends PokewireError {
  readonly #status: number;

  constructor(meant: ErrorCode, message: string, details?: ErrorDetails) {
    super('INVALID_REQUEST', message, details === undefined ? {} : { details });
    this.#status = errorStatuses[meant];
  }

  override get status(): number {
    return this.#status;
  }
}
