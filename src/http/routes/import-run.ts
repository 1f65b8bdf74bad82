import type { Transfer } from '../../admission/transfers.ts';
import { parseImportRecord, parseImportRecordInTurns } from '../../message/import-record.ts';
import { isLong } from '../../message/long-json.ts';
import type { Message } from '../../message/message.ts';
import { charactersPerTurn, ownTurn } from '../../message/turns.ts';
import type { ImportKey, ImportOutcome, ImportSession } from '../../store/log.ts';
import { fullText } from '../../store/shared/store-full.ts';
import { endTexts } from './transfer.ts';

/** Messages per batch. Each batch is stored completely or not at all, followed by a progress event. */
const batchMessages = 1_000;

/** A batch ends early at this size, so that large messages take no more memory than small ones. */
const batchBytes = 4_194_304;

/** Cost of a line, in addition to its bytes, before yielding to the event loop. */
const perLine = 256;

/** Why an import ended early, for its last event. */
export type ImportFailure = {
  readonly code:
    | 'INVALID_JSON'
    | 'INVALID_RECORD'
    | 'POSITION_EXISTS'
    | 'INCOMPLETE'
    | 'IMPORT_FAILED'
    | 'READ_ERROR'
    | 'AUTH_UNAUTHORIZED';
  readonly message: string;
  readonly line: number;
};

/** How to import. */
export type ImportMode = {
  /** Replaces the log. */
  readonly replace: boolean;
  /** Accepts records that do not end the way an export does. */
  readonly allowIncomplete: boolean;
};

/** Collects records into batches and passes them to the session. */
export class ImportRun {
  /** Number of messages that were stored. */
  imported = 0;
  /** Number of messages skipped because they existed already. */
  known = 0;
  /** Global position of the last message read. */
  globalPosition = 0;
  /** Number of lines read. */
  line = 0;
  readonly #session: ImportSession;
  readonly #transfer: Transfer;
  readonly #mode: ImportMode;
  #hasRecords = false;
  /** Records since the last end of an export; several exports may be concatenated. */
  #open = 0;
  #batch: Message[] = [];
  /** Line numbers of the batch's records. */
  #lines: number[] = [];
  #bytes = 0;
  /** Budget that may be read before yielding to the event loop. */
  #left = charactersPerTurn;
  /** The progress reported last. */
  #told = 0;

  constructor(session: ImportSession, transfer: Transfer, mode: ImportMode) {
    this.#session = session;
    this.#transfer = transfer;
    this.#mode = mode;
  }

  /** Whether it ended the way an export does, so that nothing is missing at its end. */
  get isComplete(): boolean {
    return this.#hasRecords && this.#open === 0;
  }

  get #stored(): number {
    return this.imported + this.known;
  }

  get isBatchFull(): boolean {
    const messages = this.#batch.length;
    return (messages > 0 && (this.#stored + messages) % batchMessages === 0) || this.#bytes >= batchBytes;
  }

  /** Whether a full batch was stored since the last call. */
  takeProgress(): boolean {
    const full = this.#stored - (this.#stored % batchMessages);
    const isNew = full > this.#told;
    this.#told = full;
    return isNew;
  }

  async read(line: Buffer): Promise<ImportFailure | undefined> {
    this.line++;
    this.#left -= perLine + line.length;
    if (this.#left <= 0) {
      this.#left = charactersPerTurn;
      await ownTurn();
    }
    if (isBlank(line)) return undefined;
    const record = isLong(line) ? await parseImportRecordInTurns(line) : parseImportRecord(line);
    if ('problem' in record) return { code: record.code, message: record.problem, line: this.line };
    if (record.message !== undefined) this.#add(record.message, line);
    this.#hasRecords = true;
    return this.#count(record.end);
  }

  #add(message: Message, line: Buffer): void {
    this.#batch.push(message);
    this.#lines.push(this.line);
    this.#bytes += line.length;
    this.globalPosition = message.globalPosition;
    this.#open++;
  }

  #count(end: number | undefined): ImportFailure | undefined {
    if (end === undefined) return undefined;
    if (end !== this.#open && !this.#mode.allowIncomplete) {
      return this.#incomplete(`This record ends an export of ${end} records, but ${this.#open} were received.`);
    }
    this.#open = 0;
    return undefined;
  }

  async store(): Promise<ImportFailure | undefined> {
    const ended = this.#ended();
    if (ended !== undefined) return ended;
    if (this.#batch.length === 0) return undefined;
    const outcome = await this.#session.add(this.#batch);
    if (outcome.outcome !== 'imported') return this.#failureOf(outcome);
    this.known += outcome.known;
    this.imported += this.#batch.length - outcome.known;
    this.#batch = [];
    this.#lines = [];
    this.#bytes = 0;
    // If the store answers synchronously, all received batches would be stored in one turn of the event loop.
    await ownTurn();
    return undefined;
  }

  async finish(): Promise<ImportFailure | undefined> {
    // The token may have been revoked while the last batch was stored.
    const failure = (await this.store()) ?? this.#ended();
    if (failure !== undefined) return failure;
    if (this.#mode.replace && !this.#mode.allowIncomplete && !this.isComplete) {
      return this.#incomplete(
        this.#hasRecords
          ? 'The last record does not end an export, so the input may be truncated.'
          : 'The input has no records, which would leave the log empty.',
      );
    }
    const outcome = await this.#session.commit();
    return outcome.outcome === 'gone' ? this.#failureOf(outcome) : undefined;
  }

  abort(): Promise<void> {
    return this.#session.abort();
  }

  /** Why it must stop; undefined: it may continue. */
  #ended(): ImportFailure | undefined {
    const { endReason, isFinished } = this.#transfer;
    if (endReason === 'revoked') return { code: 'AUTH_UNAUTHORIZED', message: endTexts.revoked, line: this.line };
    if (endReason !== undefined) return this.#importFailed(endTexts[endReason]);
    return isFinished ? this.#importFailed('The client disconnected.') : undefined;
  }

  #failureOf(outcome: Exclude<ImportOutcome, { outcome: 'imported' }>): ImportFailure {
    switch (outcome.outcome) {
      case 'position-exists': {
        const message = existsTexts[outcome.field](this.#batch[outcome.index]!);
        return { code: 'POSITION_EXISTS', message, line: this.#lines[outcome.index]! };
      }
      case 'out-of-order': {
        const { stream, position } = this.#batch[outcome.index]!;
        const message = `Position ${position} of stream ${stream} does not increase with the global position.`;
        return { code: 'INVALID_RECORD', message, line: this.#lines[outcome.index]! };
      }
      case 'gone':
        return this.#importFailed('The namespace was deleted or its log was replaced during the import.');
      case 'full':
        return this.#importFailed(fullText(outcome));
    }
  }

  #incomplete(problem: string): ImportFailure {
    const message = `${problem} To accept it anyway, use allowIncomplete=true, or --allow-incomplete on the command line.`;
    return { code: 'INCOMPLETE', message, line: this.line };
  }

  #importFailed(message: string): ImportFailure {
    return { code: 'IMPORT_FAILED', message, line: this.line };
  }
}

const existsTexts: Readonly<Record<ImportKey, (message: Message) => string>> = {
  id: ({ id }) => `A message with id ${id} exists.`,
  position: ({ stream, position }) => `Stream ${stream} has a message at position ${position}.`,
  globalPosition: ({ globalPosition }) => `There is a message at global position ${globalPosition}.`,
};

function isBlank(line: Buffer): boolean {
  return line.length === 0 || line.every((byte) => byte === 0x20 || byte === 0x09);
}
