import { LoomError } from '../../ports/loom-error.ts';
import { ByteWriter } from './byte-writer.ts';
import * as tags from './value-tags.ts';

/**
 * Message bodies as bytes: the writing half (`value-decode.ts` reads them).
 *
 * E1. What decodes is equal to what was encoded, with `Object.is` for each number and with `undefined` fields kept.
 *     Any string survives, lone surrogates too.
 * E2. Taken: undefined, null, booleans, numbers, bigints of up to 1,024 bits, strings, Uint8Array, arrays, and
 *     objects whose prototype is Object.prototype or null (they decode with Object.prototype). Of objects the own
 *     enumerable string keys count, of arrays the items. A subclass of Uint8Array decodes as a bare Uint8Array.
 * E3. All else is INVALID_MESSAGE and names the field: functions, symbols, instances of classes, holes in arrays,
 *     more than 64 levels (so also cycles), more bytes than the limit. The writer is then as it was before.
 */
export function encodeValue(value: unknown, writer: ByteWriter, options: EncodeOptions = {}): void {
  const start = writer.length;
  try {
    write(value, writer, 0, start + (options.maxBytes ?? defaultMaxValueBytes));
  } catch (thrown) {
    writer.truncate(start);
    throw thrown instanceof Refusal ? thrown.toError() : thrown;
  }
}

/** `encodeValue` into memory of its own. */
export function encodeToBytes(value: unknown, options: EncodeOptions = {}): Uint8Array {
  const writer = new ByteWriter(64);
  encodeValue(value, writer, options);
  return writer.copy();
}

export interface EncodeOptions {
  /** Larger bodies are refused. Bytes; 256 KiB when absent, the size from which a claim check travels instead. */
  readonly maxBytes?: number;
}

const defaultMaxValueBytes = 256 * 1024;

function write(value: unknown, writer: ByteWriter, depth: number, limit: number): void {
  switch (typeof value) {
    case 'string':
      writeString(value, writer, limit);
      break;
    case 'number':
      writeNumber(value, writer);
      break;
    case 'boolean':
      writer.uint8(value ? tags.tagTrue : tags.tagFalse);
      break;
    case 'undefined':
      writer.uint8(tags.tagUndefined);
      break;
    case 'object':
      if (value === null) writer.uint8(tags.tagNull);
      else writeObject(value, writer, depth, limit);
      break;
    case 'bigint':
      writeBigint(value, writer);
      break;
    case 'function':
    case 'symbol':
      throw new Refusal(`is a ${typeof value}`);
  }
  if (writer.length > limit) throw tooLarge();
}

function writeString(text: string, writer: ByteWriter, limit: number): void {
  const size = text.length;
  if (size > limit - writer.length) throw tooLarge();
  if (size >= tags.shortStrings) {
    writer.uint8(tags.tagString);
    writer.string(text);
    return;
  }
  const at = writer.length;
  writer.uint8(tags.shortString + size);
  const bytes = writer.text(text);
  if (bytes === size) return;
  if (bytes < tags.shortStrings) {
    writer.patchUint8(at, tags.shortString + bytes);
    return;
  }
  writer.truncate(at);
  writer.uint8(tags.tagString);
  writer.string(text);
}

function writeNumber(value: number, writer: ByteWriter): void {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    writer.uint8(tags.tagFloat64);
    writer.float64(value);
  } else if (value < 0) {
    writer.uint8(tags.tagNegative);
    writer.varuint(-1 - value);
  } else if (value < tags.smallIntegers) {
    writer.uint8(value);
  } else {
    writer.uint8(tags.tagPositive);
    writer.varuint(value);
  }
}

function writeBigint(value: bigint, writer: ByteWriter): void {
  let rest = value < 0n ? -value : value;
  if (rest >= bigintBound) throw new Refusal('is a bigint of more than 1,024 bits');
  writer.uint8(value < 0n ? tags.tagBigNegative : tags.tagBigPositive);
  const at = writer.length;
  writer.uint8(0);
  let words = 0;
  for (; rest > 0n; rest >>= 64n, words++) writer.uint64(BigInt.asUintN(64, rest));
  writer.patchUint8(at, words);
}

function writeObject(value: object, writer: ByteWriter, depth: number, limit: number): void {
  if (value instanceof Uint8Array) {
    if (value.length > limit - writer.length) throw tooLarge();
    writer.uint8(tags.tagBytes);
    writer.blob(value);
    return;
  }
  if (depth >= tags.maxValueDepth) throw new Refusal(`is nested deeper than ${tags.maxValueDepth} levels`);
  if (Array.isArray(value)) {
    writeArray(value, writer, depth + 1, limit);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw new Refusal(`is ${instanceName(value)}`);
  writeFields(value as Readonly<Record<string, unknown>>, writer, depth + 1, limit);
}

function writeArray(items: readonly unknown[], writer: ByteWriter, depth: number, limit: number): void {
  const count = items.length;
  if (count < tags.shortArrays) writer.uint8(tags.shortArray + count);
  else {
    writer.uint8(tags.tagArray);
    writer.varuint(count);
  }
  let at = 0;
  try {
    for (; at < count; at++) {
      const item = items[at];
      if (item === undefined && !Object.hasOwn(items, at)) throw new Refusal('is a hole in an array');
      write(item, writer, depth, limit);
    }
  } catch (thrown) {
    throw Refusal.within(thrown, `[${at}]`);
  }
}

function writeFields(
  fields: Readonly<Record<string, unknown>>,
  writer: ByteWriter,
  depth: number,
  limit: number,
): void {
  const keys = Object.keys(fields);
  const count = keys.length;
  if (count < tags.shortObjects) writer.uint8(tags.shortObject + count);
  else {
    writer.uint8(tags.tagObject);
    writer.varuint(count);
  }
  let at = 0;
  try {
    for (; at < count; at++) {
      const key = keys[at] as string;
      if (key.length > limit - writer.length) throw tooLarge();
      writer.string(key);
      write(fields[key], writer, depth, limit);
    }
  } catch (thrown) {
    throw Refusal.within(thrown, `.${keys[at] ?? ''}`);
  }
}

function instanceName(value: object): string {
  const maker: unknown = (value as { readonly constructor?: unknown }).constructor;
  const name = typeof maker === 'function' && maker.name !== '' ? maker.name : 'a class';
  return `an instance of ${name}, not a plain object`;
}

function tooLarge(): Refusal {
  return new Refusal('makes the message larger than its limit');
}

/** Thrown inside the encoder alone; collects the path on its way out, so that the fast path keeps none. */
class Refusal extends Error {
  path = '';
  readonly reason: unknown;

  constructor(message: string, reason?: unknown) {
    super(message);
    this.reason = reason;
  }

  static within(thrown: unknown, step: string): Refusal {
    const refusal = thrown instanceof Refusal ? thrown : new Refusal('throws when it is read', thrown);
    // A cycle has 64 steps and keys may be long: the outer ones tell enough.
    refusal.path = (step.slice(0, maxStepLength) + refusal.path).slice(0, maxPathLength);
    return refusal;
  }

  toError(): LoomError {
    const field = this.path.replace(/^\./, '');
    const subject = field === '' ? 'the message' : `the field ${field}`;
    const options = { details: { field } };
    const detail = `${subject} ${this.message}`;
    return new LoomError(
      'INVALID_MESSAGE',
      detail,
      this.reason === undefined ? options : { ...options, cause: this.reason },
    );
  }
}

const maxStepLength = 80;
const maxPathLength = 240;
const bigintBound = 1n << BigInt(64 * tags.maxBigintWords);
