import type { Checksum } from '../../ports/checksum.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';

/**
 * An append-only journal in a folder: numbered segments, of which the last one grows.
 *
 * J1. A record whose `append` resolved is replayed by every later open, in order of sequence; a record whose append
 *     did not resolve is replayed only if every record before it is. Nothing else is ever replayed.
 * J2. A segment gets its name only after its header and first (sealed) bytes are durable. So damage in a header or in
 *     sealed bytes is corruption, never the mark of a crash.
 * J3. After the seal a segment grows by batches. A batch is one write, and the next batch is written only after it is
 *     durable. So at most the last batch of the last segment can be torn, in any way: a bad batch with nothing after
 *     it is cut, and a bad batch before the header of another batch, or in a segment that is not the last, is
 *     corruption (JOURNAL_CORRUPT), because that other batch proves that it was whole.
 * J4. Opening copies what it replayed of the last segment into a fresh, sealed one: it never trusts pages that an
 *     earlier process wrote and may have failed to sync.
 * J5. A segment says which segments it replaces. While both exist the replacing one counts, whole as it is by J2; so
 *     a crash during compaction or recovery leaves the old content or the new.
 * J6. After a failed write or sync of a batch nothing is acknowledged any more (JOURNAL_STOPPED) and no sync is tried
 *     again; opening the folder anew tells what is there.
 *
 * Durable means synced, with its folder, under `power-safe`, and written under `process-crash-safe`: after a power cut
 * a journal of the latter may have lost records or refuse to open.
 */
export interface Journal {
  /** Resolves with the record's sequence once it is durable. The body is copied before the call returns. */
  append(type: number, token: number, body: Uint8Array): Promise<number>;
  /**
   * Replaces the records up to `throughSequence` by `snapshot`, which is read before the call returns and must hold
   * the effect of exactly those records; later ones are kept behind it. Without `throughSequence` that is every record
   * that is durable at the call. Give it when appends may be under way: a record can be durable a few microtasks
   * before the code that awaits its append goes on.
   * DISK_FULL leaves the journal as it was; it goes on.
   */
  compact(snapshot: Iterable<SnapshotRecord>, throughSequence?: number): Promise<void>;
  /** Bytes of all segments that count. */
  readonly bytes: number;
  /** The sequence of the last durable record; 0 when there is none. */
  readonly lastSequence: number;
  /** Waits for the appends under way, then gives the folder back. Closing twice is harmless. */
  close(): Promise<void>;
}

export interface SnapshotRecord {
  readonly type: number;
  readonly token: number;
  readonly body: Uint8Array;
}

export interface JournalRecord extends SnapshotRecord {
  /** Grows by one with every append. Records of a snapshot carry the sequence of the last record in it. */
  readonly sequence: number;
}

export type JournalDurability = 'power-safe' | 'process-crash-safe' | 'memory';

export interface JournalOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  /** When given, a batch gathers the appends of a whole pass of the event loop, not of one run of microtasks. */
  readonly clock?: Clock;
  /** The folder of this journal alone; made when missing. */
  readonly directory: string;
  readonly durability: JournalDurability;
  /** A segment that would grow beyond this is followed by a new one. Default 8 MiB. */
  readonly maxSegmentBytes?: number;
  /** Larger records are refused with JOURNAL_LIMIT. Default 4 MiB. */
  readonly maxRecordBytes?: number;
  /** While more than this waits to become durable, appends are refused with JOURNAL_FULL. Default 16 MiB. */
  readonly maxPendingBytes?: number;
}
