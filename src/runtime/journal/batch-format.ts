import type { Checksum } from '../../ports/checksum.ts';
import type { JournalRecord } from './journal.ts';
import { decodeRecord, encodeRecord, getUint53, recordHeaderBytes, setUint53 } from './record-format.ts';

/**
 * A batch is what one write carries: magic (u32), kind (u32), bytes of its records (u32), their count (u32), its own
 * position in the file (u64), CRC32C of all that (u32), then the records. The position keeps a copy of a journal
 * inside a record's body from being taken for a batch.
 */
export const batchHeaderBytes = 28;
const magic = 0x4c4a_4254;
const crcOffset = 24;

export type BatchKind = 'append' | 'snapshot';
const kindNumbers: Readonly<Record<BatchKind, number>> = { append: 1, snapshot: 2 };

export interface BatchHeader {
  readonly kind: BatchKind;
  readonly payloadBytes: number;
  readonly count: number;
}

/** Gathers records into the bytes of one batch. */
export class BatchBuilder {
  readonly #checksum: Checksum;
  readonly #kind: BatchKind;
  #bytes: Uint8Array = new Uint8Array(1024);
  #length: number = batchHeaderBytes;
  #count = 0;

  constructor(checksum: Checksum, kind: BatchKind) {
    this.#checksum = checksum;
    this.#kind = kind;
  }

  get count(): number {
    return this.#count;
  }

  /** Bytes of the batch with its header. */
  get length(): number {
    return this.#length;
  }

  add(record: JournalRecord): void {
    const end = this.#length + recordHeaderBytes + record.body.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    encodeRecord(this.#checksum, record, this.#bytes, this.#length);
    this.#length = end;
    this.#count++;
  }

  /** The batch as it stands at `position` of its file. Valid until the next call. */
  bytesAt(position: number): Uint8Array {
    const view = new DataView(this.#bytes.buffer, 0, batchHeaderBytes);
    view.setUint32(0, magic);
    view.setUint32(4, kindNumbers[this.#kind]);
    view.setUint32(8, this.#length - batchHeaderBytes);
    view.setUint32(12, this.#count);
    setUint53(view, 16, position);
    view.setUint32(crcOffset, this.#checksum.crc32c(this.#bytes.subarray(0, crcOffset)));
    return this.#bytes.subarray(0, this.#length);
  }
}

/** The batch header at `position` of a file's bytes, or undefined when none verifies there. */
export function decodeBatchHeader(
  checksum: Checksum,
  file: Uint8Array,
  position: number,
): BatchHeader | undefined {
  if (position + batchHeaderBytes > file.length) return undefined;
  const view = new DataView(file.buffer, file.byteOffset + position, batchHeaderBytes);
  if (view.getUint32(0) !== magic || getUint53(view, 16) !== position) return undefined;
  if (view.getUint32(crcOffset) !== checksum.crc32c(file.subarray(position, position + crcOffset)))
    return undefined;
  const kindNumber = view.getUint32(4);
  const kind = kindNumber === kindNumbers.append ? 'append' : 'snapshot';
  if (kindNumbers[kind] !== kindNumber) return undefined;
  return { kind, payloadBytes: view.getUint32(8), count: view.getUint32(12) };
}

/** The records of a batch up to the first that does not verify; `whole` when all did and nothing is left over. */
export function decodeBatch(
  checksum: Checksum,
  file: Uint8Array,
  position: number,
  header: BatchHeader,
): { readonly records: readonly JournalRecord[]; readonly whole: boolean } {
  const records: JournalRecord[] = [];
  const end = position + batchHeaderBytes + header.payloadBytes;
  let offset = position + batchHeaderBytes;
  while (records.length < header.count) {
    const record = decodeRecord(checksum, file, offset, Math.min(end, file.length));
    if (record === undefined) return { records, whole: false };
    records.push(record);
    offset += recordHeaderBytes + record.body.length;
  }
  return { records, whole: offset === end };
}

/** Whether a batch header verifies anywhere behind `position` (J3). */
export function hasBatchAfter(checksum: Checksum, file: Uint8Array, position: number): boolean {
  const first = magic >>> 24;
  for (let at = file.indexOf(first, position + 1); at >= 0; at = file.indexOf(first, at + 1)) {
    if (decodeBatchHeader(checksum, file, at) !== undefined) return true;
  }
  return false;
}
