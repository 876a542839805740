import type { BulkBlock } from '../../ports/bulk.ts';
import type { DiskSpace } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import {
  type ChunkHeader,
  type ChunkIdentity,
  type ChunkKey,
  checkChunkIdentity,
  checkDataset,
  checkHash,
  checkIndex,
  checkInteger,
  chunkFileName,
  chunkLimits,
} from './chunk-header.ts';
import type {
  ChunkStore,
  ChunkStoreOptions,
  ChunkVerdict,
  ChunkWriter,
  DamagedFile,
  StoredChunk,
} from './chunk-store.ts';
import { type ChunkCatalogue, chunkDirectory, chunkPath } from './chunk-store-catalogue.ts';
import { readBlocks } from './chunk-store-reader.ts';
import { PartWriter } from './chunk-store-writer.ts';
import type { FilePlacer } from './file-placer.ts';
import type { ObjectMeta, StoredObject } from './object-file.ts';
import type { ObjectStore } from './object-store.ts';

export interface ChunkStoreParts {
  readonly placer: FilePlacer;
  readonly catalogue: ChunkCatalogue;
  readonly objects: ObjectStore;
}

/** A chunk store that is open. */
export class DiskChunkStore implements ChunkStore {
  readonly #options: ChunkStoreOptions;
  readonly #placer: FilePlacer;
  readonly #catalogue: ChunkCatalogue;
  readonly #objects: ObjectStore;

  constructor(options: ChunkStoreOptions, { placer, catalogue, objects }: ChunkStoreParts) {
    this.#options = options;
    this.#placer = placer;
    this.#catalogue = catalogue;
    this.#objects = objects;
  }

  async begin(identity: ChunkIdentity, maxStoredBytes?: number): Promise<ChunkWriter> {
    checkChunkIdentity(identity);
    const { checksum, root, writesInFlight = defaultWritesInFlight } = this.#options;
    const usual = Math.max(2 * identity.sourceBytes, defaultBlockRoom * identity.blockBytes);
    const most = maxStoredBytes ?? Math.min(usual, chunkLimits.maxStoredBytes);
    checkInteger('maxStoredBytes', most, 0, chunkLimits.maxStoredBytes);
    const part = await this.#placer.newPart();
    const writing = { checksum, placer: this.#placer, catalogue: this.#catalogue, root, writesInFlight };
    return new PartWriter(writing, identity, part, most);
  }

  async *read(key: ChunkKey, fromBlock = 0, signal?: AbortSignal): AsyncGenerator<BulkBlock, void> {
    checkKey(key);
    checkInteger('fromBlock', fromBlock, 0, Number.MAX_SAFE_INTEGER);
    if (this.#catalogue.find(key) === undefined) {
      const { dataset, index } = key;
      const damaged = this.#catalogue.isDamaged(key);
      const what = `chunk ${index} of ${dataset} is ${damaged ? 'damaged' : 'not there'}`;
      throw new LoomError(damaged ? 'CHECKSUM_MISMATCH' : 'CHUNK_NOT_FOUND', what, {
        details: { dataset, index },
      });
    }
    try {
      yield* readBlocks(this.#reading, this.#pathOf(key), key, fromBlock, signal);
    } catch (thrown) {
      this.#noteDamage(key, thrown);
      throw thrown;
    }
  }

  async verify(key: ChunkKey): Promise<ChunkVerdict> {
    checkKey(key);
    if (this.#catalogue.find(key) === undefined && !this.#catalogue.isDamaged(key)) {
      return { ok: false, reason: 'absent', detail: 'the store does not hold the chunk' };
    }
    const hasher = this.#options.checksum.blake3();
    try {
      const reading = { ...this.#reading, allocate: inTurn(this.#reading.allocate) };
      const blocks = readBlocks(reading, this.#pathOf(key), key, 0);
      let step = await blocks.next();
      for (; step.done !== true; step = await blocks.next()) hasher.update(step.value.bytes);
      if (hasher.digestHex() !== key.hash)
        throw new LoomError('CHECKSUM_MISMATCH', 'the chunk’s BLAKE3 differs');
      // A chunk that was found damaged, by a read that went wrong on its way, is sound after all.
      if (this.#catalogue.isDamaged(key)) this.#catalogue.add(step.value);
      return { ok: true, bytes: step.value.header.storedBytes };
    } catch (thrown) {
      if (!this.#noteDamage(key, thrown)) throw thrown;
      return { ok: false, reason: 'damaged', detail: LoomError.from(thrown).message };
    }
  }

  has(key: ChunkKey): boolean {
    return this.#catalogue.find(key) !== undefined;
  }

  find(key: ChunkKey): StoredChunk | undefined {
    return this.#catalogue.find(key);
  }

  list(dataset?: string): readonly StoredChunk[] {
    return this.#catalogue.list(dataset);
  }

  headers(): Iterable<ChunkHeader> {
    return this.#catalogue.list().map(({ header }) => header);
  }

  get damaged(): readonly DamagedFile[] {
    return this.#catalogue.damaged;
  }

  async remove(key: ChunkKey): Promise<boolean> {
    checkKey(key);
    if (!this.has(key) && !this.#catalogue.isDamaged(key)) return false;
    await this.#placer.remove(`${this.#options.root}/${chunkDirectory(key.dataset)}`, chunkFileName(key));
    this.#catalogue.forget(key);
    return true;
  }

  async removeDataset(dataset: string): Promise<void> {
    checkDataset(dataset);
    await this.#placer.removeDirectory(`${this.#options.root}/${chunkDirectory(dataset)}`);
    this.#catalogue.forgetDataset(dataset);
  }

  putObject(bytes: Uint8Array, meta: ObjectMeta): Promise<StoredObject> {
    return this.#objects.put(bytes, meta);
  }

  getObject(hash: string): Promise<Uint8Array> {
    return this.#objects.get(hash);
  }

  hasObject(hash: string): boolean {
    return this.#objects.has(hash);
  }

  objects(): readonly StoredObject[] {
    return this.#objects.list();
  }

  removeObject(hash: string, owner?: string): Promise<boolean> {
    return this.#objects.remove(hash, owner);
  }

  get bytesStored(): number {
    return this.#catalogue.bytes + this.#objects.bytes;
  }

  space(): Promise<DiskSpace> {
    return this.#options.disk.space(this.#options.root);
  }

  get #reading(): Parameters<typeof readBlocks>[0] {
    const { disk, checksum, allocate = zeroed } = this.#options;
    return { disk, checksum, allocate };
  }

  #pathOf(key: ChunkKey): string {
    return `${this.#options.root}/${chunkPath(key)}`;
  }

  /** Whether the failure says that the file is damaged; then it no longer counts as stored. */
  #noteDamage(key: ChunkKey, thrown: unknown): boolean {
    if (!(thrown instanceof LoomError) || !damageCodes.has(thrown.code)) return false;
    // A chunk that was removed meanwhile is gone, not damaged.
    if (this.has(key) || this.#catalogue.isDamaged(key)) this.#catalogue.markDamaged(key, thrown.message);
    return true;
  }
}

const defaultWritesInFlight = 2;
/** As many blocks as the table of a 4 KiB header has room for. */
const defaultBlockRoom = 768;
/** The file does not verify, or is no longer there. */
const damageCodes: ReadonlySet<string> = new Set(['CHECKSUM_MISMATCH', 'DISK_NOT_FOUND', 'DISK_NOT_A_FILE']);

function checkKey({ dataset, index, hash }: ChunkKey): void {
  checkDataset(dataset);
  checkIndex(index);
  checkHash('hash', hash);
}

function zeroed(bytes: number): Uint8Array {
  return new Uint8Array(bytes);
}

/** Nobody keeps the blocks of a verification: three buffers, one hashed, one read, one spare, serve them all. */
function inTurn(allocate: (bytes: number) => Uint8Array): (bytes: number) => Uint8Array {
  const buffers: Uint8Array[] = [];
  let next = 0;
  return (bytes) => {
    const slot = next++ % 3;
    let buffer = buffers[slot];
    if (buffer === undefined || buffer.length < bytes) {
      buffer = allocate(bytes);
      buffers[slot] = buffer;
    }
    return buffer.subarray(0, bytes);
  };
}
