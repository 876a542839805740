import { BatchBuilder } from './batch-format.ts';
import { DiskJournal } from './disk-journal.ts';
import { makeDurableDirectory } from './durable-directory.ts';
import type { Journal, JournalOptions, JournalRecord } from './journal.ts';
import { memoryJournal } from './memory-journal.ts';
import { readSegment, readSegmentHeader, type SegmentContent } from './read-segment.ts';
import { findChain } from './segment-chain.ts';
import {
  corrupt,
  firstSegmentNumber,
  segmentName,
  segmentNumber,
  temporarySuffix,
} from './segment-format.ts';
import { type NewSegment, placeSegment, stageSegment } from './write-segment.ts';

/**
 * Opens the journal of a folder and replays it, each record once and in order; a record's body is a view that must be
 * copied to be kept. When the promise rejects, what was replayed must be thrown away.
 * JOURNAL_CORRUPT, DATA_VERSION, and what the disk throws.
 */
export async function openJournal(
  options: JournalOptions,
  replay: (record: JournalRecord) => void,
): Promise<Journal> {
  const { disk, checksum, directory, durability } = options;
  if (durability === 'memory') return memoryJournal();
  const powerSafe = durability === 'power-safe';
  if (powerSafe) await makeDurableDirectory(disk, directory);
  else await disk.makeDirectory(directory);
  const pathOf = (number: number): string => `${directory}/${segmentName(number)}`;

  const entries = await disk.list(directory);
  for (const { name } of entries) {
    if (name.endsWith(`.journal${temporarySuffix}`)) await disk.remove(`${directory}/${name}`);
  }
  const numbers = entries.map(({ name }) => segmentNumber(name)).filter((number) => number !== undefined);
  const chain = await findChain(numbers, directory, (number) =>
    readSegmentHeader(disk, checksum, pathOf(number)),
  );

  let snapshotSequence = 0;
  let last: SegmentContent | undefined;
  let olderBytes = 0;
  const older: number[] = [];
  for (const number of chain.live) {
    const isLast = number === chain.live.at(-1);
    const content = await readSegment(disk, checksum, pathOf(number), isLast);
    if (content.header.baseSequence !== (last?.lastSequence ?? content.header.baseSequence)) {
      throw corrupt(pathOf(number), 'records between two segments are missing');
    }
    if (last === undefined) snapshotSequence = content.header.baseSequence;
    for (const record of content.snapshot) replay(record);
    for (const record of content.appended) replay(record);
    if (!isLast) {
      // Written under a weaker promise than the one asked for now.
      if (powerSafe && content.header.durability !== 'power-safe') await syncFile(options, pathOf(number));
      older.push(number);
      olderBytes += content.bytes;
    }
    last = content;
  }

  const place = { disk, checksum, directory };
  const segment = freshSegment(options, last, durability);
  const active = await stageSegment(place, segment);
  await placeSegment(place, active, durability);
  const replaced = last === undefined ? chain.obsolete : [...chain.obsolete, last.header.number];
  const lastSequence = last?.lastSequence ?? 0;
  const journal = new DiskJournal(options, durability, {
    active,
    older,
    olderBytes,
    snapshotSequence,
    lastSequence,
  });
  try {
    for (const number of replaced) await disk.remove(pathOf(number));
  } catch (thrown) {
    await journal.close();
    throw thrown;
  }
  return journal;
}

/** The segment to append to: a sealed copy of the last one (J4), or the first of all. */
function freshSegment(
  options: JournalOptions,
  last: SegmentContent | undefined,
  durability: NewSegment['durability'],
): NewSegment {
  if (last === undefined) {
    return {
      number: firstSegmentNumber,
      replacesFrom: firstSegmentNumber,
      baseSequence: 0,
      durability,
      sealed: [],
    };
  }
  const snapshot = new BatchBuilder(options.checksum, 'snapshot');
  const appended = new BatchBuilder(options.checksum, 'append');
  for (const record of last.snapshot) snapshot.add(record);
  for (const record of last.appended) appended.add(record);
  const { number, replacesFrom, baseSequence } = last.header;
  return { number: number + 1, replacesFrom, baseSequence, durability, sealed: [snapshot, appended] };
}

async function syncFile({ disk }: JournalOptions, path: string): Promise<void> {
  const file = await disk.open(path, 'write');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
