import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { JournalDurability } from './journal.ts';
import { getUint53, setUint53 } from './record-format.ts';

/**
 * A segment begins with magic (8 bytes), format version (u32), CRC32C of both (u32), number (u32), replacesFrom (u32),
 * sealed bytes (u64), base sequence (u64), durability (u32), zeros, CRC32C of all that (u32). The first CRC lets an
 * older Loom tell a newer format from a damaged file.
 */
export interface SegmentHeader {
  readonly number: number;
  /** Segments from this number up to this one are replaced by it; equal to `number` when it replaces none. */
  readonly replacesFrom: number;
  /** Bytes after the header that were durable before the segment had its name (J2). */
  readonly sealedBytes: number;
  /** The sequence of the last record before the first appended one in this segment. */
  readonly baseSequence: number;
  readonly durability: Exclude<JournalDurability, 'memory'>;
}

export const segmentHeaderBytes = 64;
export const firstSegmentNumber = 1;
const formatVersion = 1;
const headCrcOffset = 12;
const crcOffset = 60;
const magic: Uint8Array = Uint8Array.of(0x4c, 0x4f, 0x4f, 0x4d, 0x4a, 0x52, 0x4e, 0x4c);

export function segmentName(number: number): string {
  return `${String(number).padStart(8, '0')}.journal`;
}

export const temporarySuffix = '.part';

/** The number in a segment's file name, or undefined for the name of anything else. */
export function segmentNumber(name: string): number | undefined {
  const digits = /^(\d{8,10})\.journal$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function encodeSegmentHeader(checksum: Checksum, header: SegmentHeader): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint32(8, formatVersion);
  view.setUint32(headCrcOffset, checksum.crc32c(bytes.subarray(0, headCrcOffset)));
  view.setUint32(16, header.number);
  view.setUint32(20, header.replacesFrom);
  setUint53(view, 24, header.sealedBytes);
  setUint53(view, 32, header.baseSequence);
  view.setUint32(40, header.durability === 'power-safe' ? 1 : 0);
  view.setUint32(crcOffset, checksum.crc32c(bytes.subarray(0, crcOffset)));
  return bytes;
}

/** Throws JOURNAL_CORRUPT when the header does not verify, DATA_VERSION when a newer Loom wrote it. */
export function decodeSegmentHeader(checksum: Checksum, bytes: Uint8Array, path: string): SegmentHeader {
  if (bytes.length < segmentHeaderBytes) throw corrupt(path, 'the segment is shorter than its header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, segmentHeaderBytes);
  const headVerifies = view.getUint32(headCrcOffset) === checksum.crc32c(bytes.subarray(0, headCrcOffset));
  if (!headVerifies || magic.some((byte, i) => bytes[i] !== byte))
    throw corrupt(path, 'not a journal segment');
  const version = view.getUint32(8);
  if (version > formatVersion) {
    throw new LoomError('DATA_VERSION', `${path} has format ${version}, this Loom reads ${formatVersion}`, {
      details: { path, version, supportedVersion: formatVersion },
    });
  }
  if (view.getUint32(crcOffset) !== checksum.crc32c(bytes.subarray(0, crcOffset))) {
    throw corrupt(path, 'the segment’s header does not verify');
  }
  return {
    number: view.getUint32(16),
    replacesFrom: view.getUint32(20),
    sealedBytes: getUint53(view, 24),
    baseSequence: getUint53(view, 32),
    durability: view.getUint32(40) === 1 ? 'power-safe' : 'process-crash-safe',
  };
}

export function corrupt(path: string, what: string): LoomError {
  return new LoomError('JOURNAL_CORRUPT', `${what}: ${path}`, { details: { path } });
}
