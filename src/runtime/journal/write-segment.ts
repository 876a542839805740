import type { Checksum } from '../../ports/checksum.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import type { BatchBuilder } from './batch-format.ts';
import {
  encodeSegmentHeader,
  type SegmentHeader,
  segmentHeaderBytes,
  segmentName,
  temporarySuffix,
} from './segment-format.ts';

/** The segment that a journal writes to. */
export interface OpenSegment {
  readonly number: number;
  readonly file: DiskFile;
  /** Where the next batch goes, which is the file's length. */
  endBytes: number;
}

export interface NewSegment extends Omit<SegmentHeader, 'sealedBytes'> {
  /** The batches it begins with. */
  readonly sealed: readonly BatchBuilder[];
}

export interface SegmentPlace {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly directory: string;
}

/** Writes a new segment under a temporary name. Nothing counts before `placeSegment`; a failure leaves no file open. */
export async function stageSegment(place: SegmentPlace, segment: NewSegment): Promise<OpenSegment> {
  const sealed = segment.sealed.filter((batch) => batch.count > 0);
  const sealedBytes = sealed.reduce((sum, batch) => sum + batch.length, 0);
  const path = temporaryPath(place.directory, segment.number);
  const file = await place.disk.open(path, 'write');
  try {
    await file.truncate(0);
    await file.write(encodeSegmentHeader(place.checksum, { ...segment, sealedBytes }), 0);
    let endBytes = segmentHeaderBytes;
    for (const batch of sealed) {
      await file.write(batch.bytesAt(endBytes), endBytes);
      endBytes += batch.length;
    }
    return { number: segment.number, file, endBytes };
  } catch (thrown) {
    await file.close();
    throw thrown;
  }
}

/** Makes a staged segment durable and gives it its name: from here on it counts (J2, J5). */
export async function placeSegment(
  place: SegmentPlace,
  staged: OpenSegment,
  durability: SegmentHeader['durability'],
): Promise<void> {
  const { disk, directory } = place;
  const powerSafe = durability === 'power-safe';
  try {
    if (powerSafe) await staged.file.sync();
    await disk.rename(temporaryPath(directory, staged.number), `${directory}/${segmentName(staged.number)}`);
    if (powerSafe) await disk.syncDirectory(directory);
  } catch (thrown) {
    await staged.file.close();
    throw thrown;
  }
}

export function temporaryPath(directory: string, number: number): string {
  return `${directory}/${segmentName(number)}${temporarySuffix}`;
}
