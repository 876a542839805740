import { ByteReader, malformed } from './byte-reader.ts';
import * as tags from './value-tags.ts';

/**
 * Bytes as message bodies: the reading half of `value.ts`.
 *
 * E4. Whatever the bytes, the answer is a value or FRAME_MALFORMED, in time and memory that grow with their number.
 * E5. Byte fields are views of `bytes`: they cost no copy and keep the whole frame alive.
 * E6. A key never reaches a setter: `__proto__` becomes an own field like any other.
 */
export function decodeValue(bytes: Uint8Array): unknown {
  const reader = new ByteReader(bytes);
  const value = read(reader, 0);
  if (reader.remaining > 0) throw malformed('bytes follow after the value');
  return value;
}

function read(reader: ByteReader, depth: number): unknown {
  const tag = reader.uint8();
  if (tag < tags.smallIntegers) return tag;
  if (tag < tags.shortArray) return reader.text(tag - tags.shortString);
  if (tag < tags.shortObject) return readArray(reader, tag - tags.shortArray, depth + 1);
  if (tag < tags.tagUndefined) return readFields(reader, tag - tags.shortObject, depth + 1);
  switch (tag) {
    case tags.tagUndefined:
      return undefined;
    case tags.tagNull:
      return null;
    case tags.tagFalse:
      return false;
    case tags.tagTrue:
      return true;
    case tags.tagPositive:
      return reader.varuint();
    case tags.tagNegative:
      return negative(reader.varuint());
    case tags.tagFloat64:
      return reader.float64();
    case tags.tagBigPositive:
      return readBigint(reader);
    case tags.tagBigNegative:
      return -readBigint(reader);
    case tags.tagString:
      return reader.string();
    case tags.tagBytes:
      return reader.blob();
    case tags.tagArray:
      return readArray(reader, reader.varuint(), depth + 1);
    case tags.tagObject:
      return readFields(reader, reader.varuint(), depth + 1);
    default:
      throw malformed('a value has an unknown tag');
  }
}

function negative(written: number): number {
  if (written >= Number.MAX_SAFE_INTEGER) throw malformed('a number is smaller than -(2^53 - 1)');
  return -1 - written;
}

function readBigint(reader: ByteReader): bigint {
  const words = reader.uint8();
  if (words > tags.maxBigintWords) throw malformed('a bigint has more than 1,024 bits');
  let value = 0n;
  for (let i = 0; i < words; i++) value |= reader.uint64() << BigInt(64 * i);
  return value;
}

function readArray(reader: ByteReader, count: number, depth: number): unknown[] {
  refuseDepth(depth);
  if (count > reader.remaining) throw malformed('an array has more items than bytes remain');
  // Grown by push: room made in advance for a count that lies, on each of 64 levels, would be 64 times the frame.
  const items: unknown[] = [];
  for (let i = 0; i < count; i++) items.push(read(reader, depth));
  return items;
}

function readFields(reader: ByteReader, count: number, depth: number): Record<string, unknown> {
  refuseDepth(depth);
  if (count * 2 > reader.remaining) throw malformed('an object has more fields than bytes remain');
  const fields: Record<string, unknown> = {};
  for (let i = 0; i < count; i++) {
    const key = reader.name();
    const value = read(reader, depth);
    if (key === '__proto__') defineField(fields, key, value);
    else fields[key] = value;
  }
  return fields;
}

function defineField(fields: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(fields, key, { value, writable: true, enumerable: true, configurable: true });
}

function refuseDepth(depth: number): void {
  if (depth > tags.maxValueDepth)
    throw malformed(`a value is nested deeper than ${tags.maxValueDepth} levels`);
}
