import type { Checksum } from '../../ports/checksum.ts';
import type { JournalRecord } from './journal.ts';

/**
 * A record is its length (u32, bytes of the body), type (u32), token (u64), sequence (u64), CRC32C (u32, over all of
 * that and the body), then the body. All integers are big-endian.
 */
export const recordHeaderBytes = 28;
const crcOffset = 24;

/** Writes a record at `offset` of `into`, which has room for it. */
export function encodeRecord(
  checksum: Checksum,
  record: JournalRecord,
  into: Uint8Array,
  offset: number,
): void {
  const view = new DataView(into.buffer, into.byteOffset + offset, recordHeaderBytes);
  view.setUint32(0, record.body.length);
  view.setUint32(4, record.type);
  setUint53(view, 8, record.token);
  setUint53(view, 16, record.sequence);
  into.set(record.body, offset + recordHeaderBytes);
  view.setUint32(crcOffset, recordCrc(checksum, into, offset, record.body.length));
}

/** The record at `offset`, or undefined when it does not verify or reaches beyond `end`. Its body is a view. */
export function decodeRecord(
  checksum: Checksum,
  bytes: Uint8Array,
  offset: number,
  end: number,
): JournalRecord | undefined {
  if (offset + recordHeaderBytes > end) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + offset, recordHeaderBytes);
  const bodyBytes = view.getUint32(0);
  const bodyStart = offset + recordHeaderBytes;
  if (bodyStart + bodyBytes > end) return undefined;
  if (view.getUint32(crcOffset) !== recordCrc(checksum, bytes, offset, bodyBytes)) return undefined;
  return {
    type: view.getUint32(4),
    token: getUint53(view, 8),
    sequence: getUint53(view, 16),
    body: bytes.subarray(bodyStart, bodyStart + bodyBytes),
  };
}

function recordCrc(checksum: Checksum, bytes: Uint8Array, offset: number, bodyBytes: number): number {
  const ofHeader = checksum.crc32c(bytes.subarray(offset, offset + crcOffset));
  const bodyStart = offset + recordHeaderBytes;
  return checksum.crc32c(bytes.subarray(bodyStart, bodyStart + bodyBytes), ofHeader);
}

/** A safe integer as an unsigned 64-bit one. */
export function setUint53(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, Math.floor(value / 0x1_0000_0000));
  view.setUint32(offset + 4, value >>> 0);
}

export function getUint53(view: DataView, offset: number): number {
  return view.getUint32(offset) * 0x1_0000_0000 + view.getUint32(offset + 4);
}
