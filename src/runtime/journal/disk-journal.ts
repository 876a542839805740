import { LoomError } from '../../ports/loom-error.ts';
import { BatchBuilder, batchHeaderBytes } from './batch-format.ts';
import type { Journal, JournalOptions, SnapshotRecord } from './journal.ts';
import { readAfter } from './read-after.ts';
import { recordHeaderBytes } from './record-format.ts';
import { recordMisfit } from './record-limits.ts';
import { firstSegmentNumber, segmentHeaderBytes, segmentName } from './segment-format.ts';
import {
  type NewSegment,
  type OpenSegment,
  placeSegment,
  type SegmentPlace,
  stageSegment,
  temporaryPath,
} from './write-segment.ts';

/** What recovery found and made. */
export interface RecoveredJournal {
  readonly active: OpenSegment;
  readonly older: readonly number[];
  readonly olderBytes: number;
  /** The last sequence that is in no record of its own any more. */
  readonly snapshotSequence: number;
  readonly lastSequence: number;
}

/** A journal that is open: one loop writes batches and compactions, one after another. */
export class DiskJournal implements Journal {
  readonly #options: JournalOptions;
  readonly #durability: NewSegment['durability'];
  #active: OpenSegment;
  /** Segments before the active one that count. */
  #older: number[];
  #olderBytes: number;
  /** Segments that no longer count and are still to be removed. */
  #replaced: number[] = [];
  #snapshotSequence: number;
  #durableSequence: number;
  #givenSequence: number;
  #gathering: BatchBuilder;
  #waiters: Waiter[] = [];
  #compactions: Compaction[] = [];
  #pendingBytes = 0;
  #loop: Promise<void> | undefined;
  #stopped: LoomError | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: JournalOptions, durability: NewSegment['durability'], recovered: RecoveredJournal) {
    this.#options = options;
    this.#durability = durability;
    this.#active = recovered.active;
    this.#older = [...recovered.older];
    this.#olderBytes = recovered.olderBytes;
    this.#snapshotSequence = recovered.snapshotSequence;
    this.#durableSequence = recovered.lastSequence;
    this.#givenSequence = recovered.lastSequence;
    this.#gathering = new BatchBuilder(options.checksum, 'append');
  }

  get bytes(): number {
    return this.#olderBytes + this.#active.endBytes;
  }

  get lastSequence(): number {
    return this.#durableSequence;
  }

  append(type: number, token: number, body: Uint8Array): Promise<number> {
    const refusal = this.#refusal() ?? recordMisfit({ type, token, body }, this.#maxRecordBytes);
    if (refusal !== undefined) return Promise.reject(refusal);
    const bytes = recordHeaderBytes + body.length;
    const maxPendingBytes = this.#options.maxPendingBytes ?? defaultMaxPendingBytes;
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > maxPendingBytes) {
      return Promise.reject(new LoomError('JOURNAL_FULL', `${this.#pendingBytes} bytes wait for the disk`));
    }
    const sequence = ++this.#givenSequence;
    this.#gathering.add({ type, token, sequence, body });
    this.#pendingBytes += bytes;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sequence, resolve, reject });
      this.#wake();
    });
  }

  compact(
    snapshot: Iterable<SnapshotRecord>,
    throughSequence: number = this.#durableSequence,
  ): Promise<void> {
    const refusal = this.#refusal() ?? this.#misplaced(throughSequence);
    if (refusal !== undefined) return Promise.reject(refusal);
    const records = new BatchBuilder(this.#options.checksum, 'snapshot');
    for (const record of snapshot) {
      const misfit = recordMisfit(record, this.#maxRecordBytes);
      if (misfit !== undefined) return Promise.reject(misfit);
      records.add({ ...record, sequence: throughSequence });
    }
    return new Promise((resolve, reject) => {
      this.#compactions.push({ throughSequence, records, resolve, reject });
      this.#wake();
    });
  }

  close(): Promise<void> {
    this.#closed ??= this.#finish();
    return this.#closed;
  }

  async #finish(): Promise<void> {
    await this.#loop;
    await this.#active.file.close();
  }

  #refusal(): LoomError | undefined {
    return this.#stopped ?? (this.#closed && new LoomError('DISK_CLOSED', 'the journal is closed'));
  }

  #misplaced(throughSequence: number): LoomError | undefined {
    if (throughSequence >= this.#snapshotSequence && throughSequence <= this.#durableSequence)
      return undefined;
    const range = `${this.#snapshotSequence} to ${this.#durableSequence}`;
    return new LoomError(
      'JOURNAL_LIMIT',
      `a snapshot through ${throughSequence} is not in the range ${range}`,
    );
  }

  #wake(): void {
    this.#loop ??= this.#run();
  }

  /** Never rejects: what fails stops the journal and rejects those who wait. */
  async #run(): Promise<void> {
    const { clock } = this.#options;
    await new Promise<void>((resolve) => {
      if (clock === undefined) resolve();
      else clock.later(resolve);
    });
    while (this.#stopped === undefined) {
      const compaction = this.#compactions.shift();
      if (compaction !== undefined) await this.#compact(compaction);
      else if (this.#waiters.length > 0) await this.#flush();
      else break;
    }
    this.#loop = undefined;
  }

  async #flush(): Promise<void> {
    const batch = this.#gathering;
    const waiters = this.#waiters;
    this.#gathering = new BatchBuilder(this.#options.checksum, 'append');
    this.#waiters = [];
    try {
      await this.#rollIfFull(batch.length);
      const { file, endBytes } = this.#active;
      await file.write(batch.bytesAt(endBytes), endBytes);
      if (this.#durability === 'power-safe') await file.sync();
    } catch (thrown) {
      this.#stop(thrown, waiters);
      return;
    }
    this.#active.endBytes += batch.length;
    this.#pendingBytes -= batch.length - batchHeaderBytes;
    for (const { sequence, resolve } of waiters) {
      this.#durableSequence = sequence;
      resolve(sequence);
    }
  }

  async #rollIfFull(batchBytes: number): Promise<void> {
    const { endBytes, file, number } = this.#active;
    const maxSegmentBytes = this.#options.maxSegmentBytes ?? defaultMaxSegmentBytes;
    if (endBytes === segmentHeaderBytes || endBytes + batchBytes <= maxSegmentBytes) return;
    const next = { number: number + 1, replacesFrom: number + 1, baseSequence: this.#durableSequence };
    const staged = await stageSegment(this.#place, { ...next, durability: this.#durability, sealed: [] });
    await placeSegment(this.#place, staged, this.#durability);
    this.#older.push(number);
    this.#olderBytes += endBytes;
    this.#active = staged;
    await file.close();
  }

  async #compact({ throughSequence, records, resolve, reject }: Compaction): Promise<void> {
    const before = this.#active;
    const number = before.number + 1;
    let staged: OpenSegment;
    try {
      const behind = new BatchBuilder(this.#options.checksum, 'append');
      if (throughSequence < this.#durableSequence) {
        const numbers = [...this.#older, before.number];
        for (const record of await readAfter(this.#place, numbers, throughSequence)) behind.add(record);
      }
      staged = await stageSegment(this.#place, {
        number,
        replacesFrom: firstSegmentNumber,
        baseSequence: throughSequence,
        durability: this.#durability,
        sealed: [records, behind],
      });
    } catch (thrown) {
      await this.#giveUpCompaction(LoomError.from(thrown, 'DISK_IO'), number, reject);
      return;
    }
    try {
      await placeSegment(this.#place, staged, this.#durability);
      this.#active = staged;
      this.#replaced.push(...this.#older, before.number);
      this.#older = [];
      this.#olderBytes = 0;
      this.#snapshotSequence = throughSequence;
      await before.file.close();
    } catch (thrown) {
      this.#stop(thrown, [{ reject }]);
      return;
    }
    try {
      await this.#removeReplaced();
      resolve();
    } catch (thrown) {
      // The new segment counts already; what could not be removed is removed by the next compaction or open.
      reject(LoomError.from(thrown, 'DISK_IO'));
    }
  }

  /** Only the temporary file was touched, so on a full disk the journal can go on. */
  async #giveUpCompaction(
    cause: LoomError,
    number: number,
    reject: (error: LoomError) => void,
  ): Promise<void> {
    try {
      if (cause.code !== 'DISK_FULL') throw cause;
      await this.#options.disk.remove(temporaryPath(this.#options.directory, number));
      reject(cause);
    } catch (thrown) {
      this.#stop(thrown, [{ reject }]);
    }
  }

  async #removeReplaced(): Promise<void> {
    for (let number = this.#replaced[0]; number !== undefined; number = this.#replaced[0]) {
      await this.#options.disk.remove(`${this.#options.directory}/${segmentName(number)}`);
      this.#replaced.shift();
    }
  }

  #stop(thrown: unknown, waiters: readonly Pick<Waiter, 'reject'>[]): void {
    const cause = LoomError.from(thrown, 'DISK_IO');
    const stopped = new LoomError('JOURNAL_STOPPED', cause.message, {
      cause,
      details: { ...cause.details, reason: cause.code },
    });
    this.#stopped = stopped;
    for (const { reject } of [...waiters, ...this.#waiters, ...this.#compactions]) reject(stopped);
    this.#waiters = [];
    this.#compactions = [];
  }

  get #maxRecordBytes(): number {
    return this.#options.maxRecordBytes ?? defaultMaxRecordBytes;
  }

  get #place(): SegmentPlace {
    return this.#options;
  }
}

interface Waiter {
  readonly sequence: number;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: LoomError) => void;
}

interface Compaction {
  readonly throughSequence: number;
  readonly records: BatchBuilder;
  readonly resolve: () => void;
  readonly reject: (error: LoomError) => void;
}

const defaultMaxSegmentBytes = 8 * 1024 * 1024;
const defaultMaxRecordBytes = 4 * 1024 * 1024;
const defaultMaxPendingBytes = 16 * 1024 * 1024;
