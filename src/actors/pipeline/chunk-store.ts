import type { BulkBlock } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import type { Disk, DiskSpace } from '../../ports/disk.ts';
import type { Random } from '../../ports/random.ts';
import type { JournalDurability } from '../../runtime/journal/journal.ts';
import type { ChunkHeader, ChunkIdentity, ChunkKey } from './chunk-header.ts';
import type { ObjectMeta, StoredObject } from './object-file.ts';

/**
 * The chunks and objects of one node, each a file whose bytes are under checksums.
 *
 * C1. A commit that resolved is kept: its file is whole under its final name, durably under `power-safe`. One that did
 *     not resolve has left the whole file or none; never a part under a final name.
 * C2. A read never yields bytes that fail their CRC32C, a verification none that fail their BLAKE3; a chunk found
 *     damaged leaves the list for `damaged` until it is written anew or verifies again. Its file is not deleted.
 * C3. Blocks are neither copied nor changed on their way to the disk; the caller leaves them as they are until `commit`
 *     or `abort` has ended.
 * C4. A full disk ends the write that met it, and nothing else: reads go on, and writes once there is space.
 * C5. After a failed sync there are no writes any more (STORE_STOPPED), reads go on.
 * C6. No text of a caller becomes part of a path: ids and hashes are checked first, names only stand in headers.
 */
export interface ChunkStore {
  /**
   * Starts a chunk under a temporary name. `maxStoredBytes` sizes the table of blocks; by default twice the source,
   * or 768 blocks when that is more. INVALID_MESSAGE for an identity that the store does not take.
   */
  begin(identity: ChunkIdentity, maxStoredBytes?: number): Promise<ChunkWriter>;
  /** The blocks from `fromBlock` on. CHUNK_NOT_FOUND, CHECKSUM_MISMATCH with data set, index and block, CANCELLED. */
  read(key: ChunkKey, fromBlock?: number, signal?: AbortSignal): AsyncIterable<BulkBlock>;
  /** Reads everything again: header, every block, BLAKE3. Throws only what a failing disk throws. */
  verify(key: ChunkKey): Promise<ChunkVerdict>;
  has(key: ChunkKey): boolean;
  find(key: ChunkKey): StoredChunk | undefined;
  /** All sound chunks, or those of one data set, by data set and index. */
  list(dataset?: string): readonly StoredChunk[];
  headers(): Iterable<ChunkHeader>;
  /** Files of the store that do not verify, as far as they have been looked at. */
  readonly damaged: readonly DamagedFile[];
  /** Removes a chunk, sound or damaged; false when it is not there. */
  remove(key: ChunkKey): Promise<boolean>;
  removeDataset(dataset: string): Promise<void>;

  /** Keeps bytes (64 MiB at most) under their BLAKE3. The same bytes again add an owner and lengthen the expiry. */
  putObject(bytes: Uint8Array, meta: ObjectMeta): Promise<StoredObject>;
  /** The bytes of an object, verified. CHUNK_NOT_FOUND or CHECKSUM_MISMATCH. */
  getObject(hash: string): Promise<Uint8Array>;
  hasObject(hash: string): boolean;
  objects(): readonly StoredObject[];
  /** Removes an object, or only one of its owners while others are left; false when it is not there. */
  removeObject(hash: string, owner?: string): Promise<boolean>;

  /** Bytes of all sound files with their headers. */
  readonly bytesStored: number;
  space(): Promise<DiskSpace>;
}

export interface ChunkWriter {
  /**
   * Takes the next block; resolves when the writer has room for another. CHECKSUM_MISMATCH when it is not the next,
   * not of the right size, or not what its CRC32C says: it was not taken, and the right one may follow.
   */
  append(block: BulkBlock): Promise<void>;
  /** Makes the chunk durable under its name. When it rejects, the writer has ended as by `abort`. */
  commit(seal: ChunkSeal): Promise<StoredChunk>;
  /** Ends the writer and removes what it wrote. After `commit`, or a second time, it does nothing. */
  abort(): Promise<void>;
}

/** What is known of a chunk only after its last block. */
export interface ChunkSeal {
  readonly storedBytes: number;
  readonly storedHash: string;
  readonly sourceHash: string;
}

export interface StoredChunk {
  readonly key: ChunkKey;
  readonly header: ChunkHeader;
  readonly headerBytes: number;
  /** Bytes of the file: header and blocks. */
  readonly fileBytes: number;
}

export interface DamagedFile {
  /** Below the store's root. */
  readonly path: string;
  readonly reason: string;
}

export type ChunkVerdict =
  | { readonly ok: true; readonly bytes: number }
  | { readonly ok: false; readonly reason: 'absent' | 'damaged'; readonly detail: string };

export interface ChunkStoreOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly random: Random;
  /** The folder of this store alone; made when missing. */
  readonly root: string;
  readonly durability: JournalDurability;
  /** Writes on the way per writer before `append` waits. Default 2. */
  readonly writesInFlight?: number;
  /** Buffers for blocks that are read, filled before use. Default: zeroed ones. */
  readonly allocate?: (bytes: number) => Uint8Array;
}
