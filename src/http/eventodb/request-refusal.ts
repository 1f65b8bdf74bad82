import { type ErrorCode, type ErrorDetails, errorStatuses, PokewireError } from '../../errors.ts';

/**
 * EventoDB has one code, `INVALID_REQUEST`, for everything that is wrong with a request as such, and tells by the
 * status what it was: here the status is that of another code.
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
