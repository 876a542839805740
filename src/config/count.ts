import { LoomError } from '../ports/loom-error.ts';
import { quote } from './quote.ts';

export interface CountRange {
  readonly min: number;
  readonly max: number;
}

/** A whole number within the range, or a sentence that says why `text` is none. */
export function readCount(
  text: string,
  range: CountRange,
): { readonly count: number } | { readonly problem: string } {
  const count = /^\d{1,15}$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (count >= range.min && count <= range.max) return { count };
  return { problem: `is not a whole number from ${range.min} to ${range.max}` };
}

/** A whole number within the range; INVALID_OPTION naming `option` and the range when `text` is none. */
export function parseCount(text: string, option: string, range: CountRange): number {
  const read = readCount(text, range);
  if ('count' in read) return read.count;
  throw new LoomError('INVALID_OPTION', `${option} is ${quote(text)}, which ${read.problem}`, {
    details: { option, value: text },
  });
}
