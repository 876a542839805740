import { LoomError } from '../../ports/loom-error.ts';
import type { DurableChange } from './change.ts';

/**
 * Durable changes as the body of one journal record, so that a batch is kept whole or not at all.
 *
 * A body is a version byte, then changes: a kind byte and the fields in the order below. Numbers are float64 (they
 * stay below 2^53), texts are UTF-8 behind a 16-bit length, values are bytes behind a 32-bit length; little endian.
 * The record's own checksum guards the bytes; what still does not decode is JOURNAL_CORRUPT.
 */
export function encodeChanges(changes: readonly DurableChange[]): Uint8Array {
  const parts = changes.map((change) => ({
    change,
    key: 'key' in change ? encoder.encode(change.key) : noBytes,
  }));
  let size = 1;
  for (const { change, key } of parts) size += sizeOf(change, key);
  const writer = new Writer(size);
  writer.byte(bodyVersion);
  for (const { change, key } of parts) {
    writer.byte(kindByte[change.kind]);
    switch (change.kind) {
      case 'counters':
        for (const field of counterFields) writer.number(change[field]);
        break;
      case 'number':
        writer.number(change.index);
        break;
      case 'token':
        writer.text(key);
        writer.number(change.token);
        writer.text(encoder.encode(change.node));
        break;
      case 'value-set':
        writer.text(key);
        writer.number(change.revision);
        writer.value(change.value);
        break;
      case 'value-deleted':
        writer.text(key);
        writer.number(change.revision);
        break;
    }
  }
  return writer.done();
}

export function decodeChanges(body: Uint8Array): readonly DurableChange[] {
  const reader = new Reader(body);
  const version = reader.byte();
  if (version !== bodyVersion) {
    throw new LoomError(
      'JOURNAL_CORRUPT',
      `a registry record has version ${version}; this program reads ${bodyVersion}`,
    );
  }
  const changes: DurableChange[] = [];
  while (!reader.atEnd) changes.push(readChange(reader));
  return changes;
}

function readChange(reader: Reader): DurableChange {
  const kind = reader.byte();
  switch (kind) {
    case kindByte.counters: {
      const [generation, starts, index, revision] = [
        reader.number(),
        reader.number(),
        reader.number(),
        reader.number(),
      ];
      return { kind: 'counters', generation, starts, index, revision };
    }
    case kindByte.number:
      return { kind: 'number', index: reader.number() };
    case kindByte.token:
      return { kind: 'token', key: reader.text(), token: reader.number(), node: reader.text() };
    case kindByte['value-set']:
      return { kind: 'value-set', key: reader.text(), revision: reader.number(), value: reader.value() };
    case kindByte['value-deleted']:
      return { kind: 'value-deleted', key: reader.text(), revision: reader.number() };
    default:
      throw new LoomError('JOURNAL_CORRUPT', `a registry record has a change of unknown kind ${kind}`);
  }
}

const bodyVersion = 1;
const kindByte = { counters: 1, number: 2, token: 3, 'value-set': 4, 'value-deleted': 5 } as const;
const counterFields = ['generation', 'starts', 'index', 'revision'] as const;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const noBytes = new Uint8Array(0);

/** An upper bound: a text takes at most 3 bytes for a UTF-16 code unit. */
function sizeOf(change: DurableChange, key: Uint8Array): number {
  if (change.kind === 'counters') return 1 + 4 * 8;
  if (change.kind === 'number') return 1 + 8;
  const fixed = 1 + 2 + key.length + 8;
  if (change.kind === 'token') return fixed + 2 + 3 * change.node.length;
  return change.kind === 'value-set' ? fixed + 4 + change.value.length : fixed;
}

class Writer {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  number(value: number): void {
    this.#view.setFloat64(this.#at, value, true);
    this.#at += 8;
  }

  text(utf8: Uint8Array): void {
    this.#view.setUint16(this.#at, utf8.length, true);
    this.#bytes.set(utf8, this.#at + 2);
    this.#at += 2 + utf8.length;
  }

  value(value: Uint8Array): void {
    this.#view.setUint32(this.#at, value.length, true);
    this.#bytes.set(value, this.#at + 4);
    this.#at += 4 + value.length;
  }

  done(): Uint8Array {
    return this.#bytes.subarray(0, this.#at);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.#view.getUint8(this.#take(1));
  }

  number(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  text(): string {
    const length = this.#view.getUint16(this.#take(2), true);
    const start = this.#take(length);
    try {
      return decoder.decode(this.#bytes.subarray(start, start + length));
    } catch (thrown) {
      throw new LoomError('JOURNAL_CORRUPT', 'a registry record has a text that is not UTF-8', {
        cause: thrown,
      });
    }
  }

  /** A copy: the record's buffer belongs to the journal. */
  value(): Uint8Array {
    const length = this.#view.getUint32(this.#take(4), true);
    const start = this.#take(length);
    return this.#bytes.slice(start, start + length);
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.#bytes.length - start)
      throw new LoomError('JOURNAL_CORRUPT', 'a registry record ends too early');
    this.#at = start + length;
    return start;
  }
}
