import type { JournalRecord } from './journal.ts';
import { readSegment } from './read-segment.ts';
import { segmentName } from './segment-format.ts';
import type { SegmentPlace } from './write-segment.ts';

/** The records after `sequence`, read back from the segments `numbers`, of which the last one may still grow. */
export async function readAfter(
  { disk, checksum, directory }: SegmentPlace,
  numbers: readonly number[],
  sequence: number,
): Promise<readonly JournalRecord[]> {
  let records: readonly JournalRecord[] = [];
  for (const number of numbers.toReversed()) {
    const isLast = number === numbers.at(-1);
    const content = await readSegment(disk, checksum, `${directory}/${segmentName(number)}`, isLast);
    records = [...content.appended.filter((record) => record.sequence > sequence), ...records];
    if (content.header.baseSequence <= sequence) break;
  }
  return records;
}
