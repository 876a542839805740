import { type ErrorCode, errorTable } from './error-table.ts';

/**
 * The one error class of Loom: a code of the error table, a sentence about this case, and what it concerns.
 * `code` is what programs and the wire look at; `message` begins with it so that a log line says it too.
 */
export class LoomError extends Error {
  readonly code: ErrorCode;
  /** Names the field, path, key or node that is meant, for machines; never a secret. */
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, detail: string, options: LoomErrorOptions = {}) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LoomError';
    this.code = code;
    this.details = options.details ?? {};
  }

  get retryable(): boolean {
    return errorTable[this.code].retryable;
  }

  get remedy(): string {
    return errorTable[this.code].remedy;
  }

  /** Any thrown value as a LoomError: itself when it is one, else `code` with the value as its cause. */
  static from(thrown: unknown, code: ErrorCode = 'INTERNAL'): LoomError {
    if (thrown instanceof LoomError) return thrown;
    const detail = thrown instanceof Error ? thrown.message : String(thrown);
    return new LoomError(code, detail, { cause: thrown });
  }
}

export interface LoomErrorOptions {
  readonly cause?: unknown;
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}
