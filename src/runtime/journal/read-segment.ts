import type { Checksum } from '../../ports/checksum.ts';
import type { Disk } from '../../ports/disk.ts';
import { batchHeaderBytes, decodeBatch, decodeBatchHeader, hasBatchAfter } from './batch-format.ts';
import type { JournalRecord } from './journal.ts';
import { corrupt, decodeSegmentHeader, type SegmentHeader, segmentHeaderBytes } from './segment-format.ts';

export interface SegmentContent {
  readonly header: SegmentHeader;
  /** Records that a snapshot left at the segment's start. */
  readonly snapshot: readonly JournalRecord[];
  readonly appended: readonly JournalRecord[];
  readonly lastSequence: number;
  readonly bytes: number;
}

/** The header of a segment file, verified. */
export async function readSegmentHeader(
  disk: Disk,
  checksum: Checksum,
  path: string,
): Promise<SegmentHeader> {
  const bytes = await readUpTo(disk, path, segmentHeaderBytes);
  return decodeSegmentHeader(checksum, bytes, path);
}

/** All records of a segment. A torn tail is cut when the segment is the last; any other damage is JOURNAL_CORRUPT. */
export async function readSegment(
  disk: Disk,
  checksum: Checksum,
  path: string,
  isLast: boolean,
): Promise<SegmentContent> {
  const file = await readUpTo(disk, path, Number.MAX_SAFE_INTEGER);
  const header = decodeSegmentHeader(checksum, file, path);
  const sealedEnd = segmentHeaderBytes + header.sealedBytes;
  if (sealedEnd > file.length) throw corrupt(path, 'sealed bytes are missing');
  const snapshot: JournalRecord[] = [];
  const appended: JournalRecord[] = [];
  let lastSequence = header.baseSequence;
  let position = segmentHeaderBytes;
  while (position < file.length) {
    const batch = decodeBatchHeader(checksum, file, position);
    const decoded = batch === undefined ? undefined : decodeBatch(checksum, file, position, batch);
    for (const record of decoded?.records ?? []) {
      if (batch?.kind === 'snapshot') {
        if (record.sequence !== header.baseSequence) throw corrupt(path, 'a snapshot record is out of order');
        snapshot.push(record);
      } else {
        if (record.sequence !== lastSequence + 1) throw corrupt(path, 'a record is out of order');
        lastSequence = record.sequence;
        appended.push(record);
      }
    }
    if (batch !== undefined && decoded?.whole === true) {
      position += batchHeaderBytes + batch.payloadBytes;
      continue;
    }
    const torn = isLast && position >= sealedEnd && !hasBatchAfter(checksum, file, position);
    if (!torn) throw corrupt(path, `a record near byte ${position} does not verify`);
    break;
  }
  return { header, snapshot, appended, lastSequence, bytes: file.length };
}

async function readUpTo(disk: Disk, path: string, maxBytes: number): Promise<Uint8Array> {
  const file = await disk.open(path, 'read');
  try {
    const { bytes } = await file.stat();
    const into = new Uint8Array(Math.min(bytes, maxBytes));
    return into.subarray(0, await file.read(into, 0));
  } finally {
    await file.close();
  }
}
