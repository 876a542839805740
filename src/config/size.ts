import { LoomError } from '../ports/loom-error.ts';
import { quote } from './quote.ts';

/**
 * Sizes as people write them. A plain number is bytes; `KiB MiB GiB TiB` are powers of 1024 and `kB MB GB TB` powers
 * of 1000; a bare `K M G T` is a power of 1024, as in GNU's tools. Case and one space before the unit do not matter.
 */
const sizeForms = '100MiB or 1GiB (powers of 1024), 1GB (10^9), 512K (512 KiB), or a plain number of bytes';

const pattern = /^(\d{1,16})(?:\.(\d{1,15}))? ?([kmgt]?)(i?b)?$/i;
const exponents: Readonly<Record<string, bigint>> = { '': 0n, k: 1n, m: 2n, g: 3n, t: 4n };
const binaryUnits: readonly string[] = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];

/** The bytes that `text` means, or a sentence that says why it means none. */
export function readBytes(text: string): { readonly bytes: number } | { readonly problem: string } {
  const match = pattern.exec(text.trim());
  if (match === null) return { problem: `is not a size; write ${sizeForms}` };
  const [, whole = '0', fraction = '', prefix = '', suffix = ''] = match;
  const exponent = exponents[prefix.toLowerCase()] ?? 0n;
  if (exponent === 0n && suffix.toLowerCase() === 'ib')
    return { problem: `is not a size; write ${sizeForms}` };
  const step = exponent > 0n && suffix.toLowerCase() === 'b' ? 1000n : 1024n;
  // Exact arithmetic: 1.1GB in floating point is not a whole number of bytes.
  const scaled = BigInt(whole + fraction) * step ** exponent;
  const divisor = 10n ** BigInt(fraction.length);
  if (scaled % divisor !== 0n) return { problem: 'is not a whole number of bytes' };
  const bytes = scaled / divisor;
  if (bytes > BigInt(Number.MAX_SAFE_INTEGER)) return { problem: 'is larger than 2^53 - 1 bytes' };
  return { bytes: Number(bytes) };
}

/** The bytes that `text` means; INVALID_OPTION naming `option` and the forms taken when it means none. */
export function parseBytes(text: string, option: string): number {
  const read = readBytes(text);
  if ('bytes' in read) return read.bytes;
  throw new LoomError('INVALID_OPTION', `${option} is ${quote(text)}, which ${read.problem}`, {
    details: { option, value: text },
  });
}

/** Bytes for people, in powers of 1024 with at most one decimal: `100 MiB`, `1.5 GiB`, `17 bytes`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let step = 0;
  // 1023.95 would print as 1024.0: it belongs to the next unit.
  while (value >= (step === 0 ? 1024 : 1023.95) && step < binaryUnits.length - 1) {
    value /= 1024;
    step += 1;
  }
  return `${step === 0 ? value : Number(value.toFixed(1))} ${binaryUnits[step]}`;
}
