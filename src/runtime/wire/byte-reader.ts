import { LoomError } from '../../ports/loom-error.ts';
import { cachedKey, keyCacheMaxBytes, keySlot, rememberKey } from './key-cache.ts';

/**
 * Reads what a ByteWriter wrote, never past the end: bytes that lie get FRAME_MALFORMED. Every length is compared
 * with the bytes that remain before anything is allocated for it.
 */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  #at: number;

  constructor(bytes: Uint8Array, start: number = 0, end: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
  }

  get remaining(): number {
    return this.#end - this.#at;
  }

  get position(): number {
    return this.#at;
  }

  uint8(): number {
    if (this.#at >= this.#end) throw malformed('the bytes end too early');
    return this.#bytes[this.#at++] as number;
  }

  /** 0 to 2^53 - 1. */
  varuint(): number {
    let byte = this.uint8();
    if (byte < 128) return byte;
    let value = byte & 127;
    let scale = 128;
    for (let i = 1; i < maxVaruintBytes; i++) {
      byte = this.uint8();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > Number.MAX_SAFE_INTEGER) throw malformed('a number is larger than 2^53 - 1');
        return value;
      }
      scale *= 128;
    }
    throw malformed('a number has more bytes than it may');
  }

  float64(): number {
    this.#word();
    return word.getFloat64(0, true);
  }

  uint64(): bigint {
    this.#word();
    return word.getBigUint64(0, true);
  }

  /** The next `size` bytes as a view of the same memory, always a bare Uint8Array. */
  raw(size: number): Uint8Array {
    const at = this.#skip(size);
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + at, size);
  }

  /** Bytes with their length in front, as a view. */
  blob(): Uint8Array {
    return this.raw(this.varuint());
  }

  /** A string with its byte length in front. */
  string(): string {
    return this.text(this.varuint());
  }

  /** The next `size` bytes as text. */
  text(size: number): string {
    const at = this.#skip(size);
    if (size < nativeTextBytes) return shortText(this.#bytes, at, size);
    try {
      return decoder.decode(this.#bytes.subarray(at, at + size));
    } catch (thrown) {
      // The platform's decoder refuses lone surrogates too: those are read by hand, real damage throws again.
      if (!(thrown instanceof TypeError)) throw thrown;
      return longText(this.#bytes, at, size);
    }
  }

  /** A string as `string` reads it, through a cache: for names that come again and again. */
  name(): string {
    const size = this.varuint();
    if (size > keyCacheMaxBytes) return this.text(size);
    const at = this.#skip(size);
    const slot = keySlot(this.#bytes, at, size);
    return (
      cachedKey(slot, this.#bytes, at, size) ??
      rememberKey(slot, this.#bytes, at, size, shortText(this.#bytes, at, size))
    );
  }

  /** Eight bytes into the shared word: a DataView for each number would cost more than the rest of the value. */
  #word(): void {
    const at = this.#skip(8);
    for (let i = 0; i < 8; i++) wordBytes[i] = this.#bytes[at + i] as number;
  }

  #skip(size: number): number {
    const at = this.#at;
    if (size > this.#end - at) throw malformed('a length is larger than what remains');
    this.#at = at + size;
    return at;
  }
}

export function malformed(detail: string): LoomError {
  return new LoomError('FRAME_MALFORMED', detail);
}

/** ASCII eight units at a time, which is several times as fast as one by one; anything else goes the long way. */
function shortText(bytes: Uint8Array, at: number, size: number): string {
  const end = at + size;
  let text = '';
  let i = at;
  for (; i + 8 <= end; i += 8) {
    const a = bytes[i] as number;
    const b = bytes[i + 1] as number;
    const c = bytes[i + 2] as number;
    const d = bytes[i + 3] as number;
    const e = bytes[i + 4] as number;
    const f = bytes[i + 5] as number;
    const g = bytes[i + 6] as number;
    const h = bytes[i + 7] as number;
    if ((a | b | c | d | e | f | g | h) > 127) return longText(bytes, at, size);
    text += String.fromCharCode(a, b, c, d, e, f, g, h);
  }
  if (i + 4 <= end) {
    const a = bytes[i] as number;
    const b = bytes[i + 1] as number;
    const c = bytes[i + 2] as number;
    const d = bytes[i + 3] as number;
    if ((a | b | c | d) > 127) return longText(bytes, at, size);
    text += String.fromCharCode(a, b, c, d);
    i += 4;
  }
  for (; i < end; i++) {
    const unit = bytes[i] as number;
    if (unit > 127) return longText(bytes, at, size);
    text += String.fromCharCode(unit);
  }
  return text;
}

/** Any UTF-8 with lone surrogates, in pieces that fit the argument list. */
function longText(bytes: Uint8Array, start: number, size: number): string {
  const end = start + size;
  let text = '';
  let units: number[] = [];
  let at = start;
  while (at < end) {
    const first = bytes[at++] as number;
    if (first < 0x80) {
      units.push(first);
    } else {
      const more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
      if (first < 0xc2 || first > 0xf4 || at + more > end) throw malformed('text is not UTF-8');
      let point = first & (0x3f >> more);
      for (let i = 0; i < more; i++) {
        const next = bytes[at++] as number;
        if ((next & 0xc0) !== 0x80) throw malformed('text is not UTF-8');
        point = (point << 6) | (next & 0x3f);
      }
      if (point < (smallest[more] as number) || point > 0x10ffff) throw malformed('text is not UTF-8');
      if (point < 0x10000) units.push(point);
      else units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff));
    }
    if (units.length > 4096) {
      text += String.fromCharCode.apply(undefined, units);
      units = [];
    }
  }
  return text + String.fromCharCode.apply(undefined, units);
}

/** The smallest code point that needs so many bytes after the first: anything less is a longer form than needed. */
const smallest: readonly number[] = [0, 0x80, 0x800, 0x10000];
const nativeTextBytes = 32;
const maxVaruintBytes = 8;
const wordBytes = new Uint8Array(8);
const word = new DataView(wordBytes.buffer);
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
