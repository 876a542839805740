import { type ErrorCode, errorTable } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import { type Io, ReaderGone } from './io.ts';
import type { Manner } from './manner.ts';
import { createPaint } from './paint.ts';
import { printable } from './printable.ts';

/**
 * Ends a command that threw: writes what, why and what to do to stderr, or the same as JSON, and answers the exit
 * code. A reader that went away is no error; a Ctrl-C was already answered when it came.
 */
export function reportError(thrown: unknown, io: Io, manner: Manner): number {
  if (io.signal.reason instanceof ReaderGone) return 0;
  const error = asLoomError(thrown, io.signal);
  const { exitCode } = errorTable[error.code];
  if (manner.format === 'json') {
    io.stderr.write(`${JSON.stringify(errorJson(error, manner.debug))}\n`);
  } else if (error.code !== 'CANCELLED' || !io.signal.aborted || manner.debug) {
    io.stderr.write(errorText(error, createPaint(manner.color && io.stderrIsTty).red, manner.debug));
  }
  return exitCode;
}

function asLoomError(thrown: unknown, signal: AbortSignal): LoomError {
  // Node's own calls throw an AbortError of their own, with the reason as its cause.
  const aborted = thrown instanceof Error && thrown.name === 'AbortError' && signal.aborted;
  return aborted ? LoomError.from(signal.reason, 'CANCELLED') : LoomError.from(thrown);
}

function errorText(error: LoomError, red: (text: string) => string, debug: boolean): string {
  const { code, sentence, why, remedy } = parts(error);
  const lines = [`${red(`loom: ${code}:`)} ${sentence}`, `  why: ${printable(why)}`, `  remedy: ${remedy}`];
  if (debug) lines.push(...stacks(error));
  return `${lines.join('\n')}\n`;
}

function errorJson(error: LoomError, debug: boolean): object {
  const { code, sentence, why, remedy } = parts(error);
  const stack = debug ? { stack: stacks(error) } : {};
  return { error: { code, message: why === '' ? sentence : why, remedy, details: error.details, ...stack } };
}

interface ErrorParts {
  readonly code: ErrorCode;
  readonly sentence: string;
  readonly why: string;
  readonly remedy: string;
}

function parts(error: LoomError): ErrorParts {
  const prefix = `${error.code}: `;
  const why = error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
  return { code: error.code, sentence: errorTable[error.code].sentence, why, remedy: error.remedy };
}

/** The stack of an error and of each of its causes. */
function stacks(error: Error): string[] {
  const lines: string[] = [];
  let next: unknown = error;
  for (let depth = 0; next !== undefined && depth < deepestCause; depth++) {
    const text = next instanceof Error ? (next.stack ?? next.message) : String(next);
    lines.push(...`${depth === 0 ? '' : 'caused by '}${text}`.split('\n').map((line) => `  ${line}`));
    next = next instanceof Error ? next.cause : undefined;
  }
  return lines;
}

/** Causes may go round in a circle. */
const deepestCause = 10;
