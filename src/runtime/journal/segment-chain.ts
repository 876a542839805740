import type { SegmentHeader } from './segment-format.ts';
import { corrupt, firstSegmentNumber, segmentName } from './segment-format.ts';

export interface SegmentChain {
  /** Numbers of the segments that count, in order. */
  readonly live: readonly number[];
  /** Numbers of segments that others have replaced. */
  readonly obsolete: readonly number[];
}

/**
 * Which segments count (J5): the last one; below what it replaces, the next; and so on down to the first. A number
 * that is missing on this way is JOURNAL_CORRUPT. Headers of replaced segments are not looked at.
 */
export async function findChain(
  numbers: readonly number[],
  directory: string,
  readHeader: (number: number) => Promise<SegmentHeader>,
): Promise<SegmentChain> {
  const present = new Set(numbers);
  const live: number[] = [];
  let next = numbers.length === 0 ? 0 : Math.max(...numbers);
  while (next >= firstSegmentNumber) {
    const path = `${directory}/${segmentName(next)}`;
    if (!present.has(next)) throw corrupt(path, 'a segment is missing');
    const header = await readHeader(next);
    if (header.number !== next || header.replacesFrom > next || header.replacesFrom < firstSegmentNumber) {
      throw corrupt(path, 'a segment stands under another one’s name');
    }
    live.unshift(next);
    next = header.replacesFrom - 1;
  }
  const counted = new Set(live);
  return { live, obsolete: numbers.filter((number) => !counted.has(number)) };
}
