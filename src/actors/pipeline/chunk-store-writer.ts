import type { BulkBlock } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { blocksOf, chunkHeaderBytes, encodeChunkHeader } from './chunk-file.ts';
import {
  type ChunkHeader,
  type ChunkIdentity,
  checkHash,
  chunkFileName,
  keyOf,
  sameHeader,
} from './chunk-header.ts';
import type { ChunkSeal, ChunkWriter, StoredChunk } from './chunk-store.ts';
import { type ChunkCatalogue, chunkDirectory } from './chunk-store-catalogue.ts';
import type { FilePlacer, PartFile } from './file-placer.ts';

export interface ChunkWriting {
  readonly checksum: Checksum;
  readonly placer: FilePlacer;
  readonly catalogue: ChunkCatalogue;
  readonly root: string;
  readonly writesInFlight: number;
}

/** Writes one chunk: blocks behind the room for the header, the header last. */
export class PartWriter implements ChunkWriter {
  readonly #writing: ChunkWriting;
  readonly #identity: ChunkIdentity;
  readonly #part: PartFile;
  readonly #maxBlocks: number;
  readonly #headerBytes: number;
  readonly #blockCrcs: number[] = [];
  readonly #inFlight: Set<Promise<void>> = new Set();
  #storedBytes = 0;
  #failure: LoomError | undefined;
  #ended: Promise<void> | undefined;

  constructor(writing: ChunkWriting, identity: ChunkIdentity, part: PartFile, maxStoredBytes: number) {
    this.#writing = writing;
    this.#identity = identity;
    this.#part = part;
    this.#maxBlocks = blocksOf(maxStoredBytes, identity.blockBytes);
    this.#headerBytes = chunkHeaderBytes(this.#maxBlocks);
  }

  async append(block: BulkBlock): Promise<void> {
    if (this.#failure !== undefined) await this.#throwFailure(this.#failure);
    this.#checkOpen();
    this.#writing.placer.checkRunning();
    this.#checkBlock(block);
    const position = this.#headerBytes + this.#storedBytes;
    this.#blockCrcs.push(block.crc32c);
    this.#storedBytes += block.bytes.length;
    const write = this.#part.file.write(block.bytes, position).then(
      () => {
        this.#inFlight.delete(write);
      },
      (thrown: unknown) => {
        this.#inFlight.delete(write);
        this.#failure ??= LoomError.from(thrown, 'DISK_IO');
      },
    );
    this.#inFlight.add(write);
    if (this.#inFlight.size >= this.#writing.writesInFlight) await Promise.race(this.#inFlight);
    if (this.#failure !== undefined) await this.#throwFailure(this.#failure);
  }

  async commit(seal: ChunkSeal): Promise<StoredChunk> {
    this.#checkOpen();
    const committed = this.#commit(seal);
    this.#ended = committed.then(
      () => undefined,
      () => undefined,
    );
    return committed;
  }

  abort(): Promise<void> {
    this.#ended ??= this.#settle().then(() => this.#writing.placer.discard(this.#part));
    return this.#ended;
  }

  async #commit(seal: ChunkSeal): Promise<StoredChunk> {
    const { catalogue, checksum, placer, root } = this.#writing;
    try {
      await this.#settle();
      if (this.#failure !== undefined) throw this.#failure;
      const header = this.#sealed(seal);
      const key = keyOf(header);
      const known = catalogue.find(key);
      if (known !== undefined && sameHeader(known.header, header)) {
        await placer.discard(this.#part);
        return known;
      }
      const headerBytes = this.#headerBytes;
      await this.#part.file.write(encodeChunkHeader(checksum, header, this.#blockCrcs, headerBytes), 0);
      await placer.place(this.#part, `${root}/${chunkDirectory(header.dataset)}`, chunkFileName(key));
      const chunk = { key, header, headerBytes, fileBytes: headerBytes + header.storedBytes };
      catalogue.add(chunk);
      return chunk;
    } catch (thrown) {
      await placer.abandon(this.#part);
      throw thrown;
    }
  }

  async #settle(): Promise<void> {
    while (this.#inFlight.size > 0) await Promise.all(this.#inFlight);
  }

  async #throwFailure(failure: LoomError): Promise<never> {
    this.#ended ??= this.#settle().then(() => this.#writing.placer.abandon(this.#part));
    await this.#ended;
    throw failure;
  }

  #checkOpen(): void {
    if (this.#ended !== undefined) throw new LoomError('DISK_CLOSED', 'the chunk’s writer has ended');
  }

  #checkBlock({ index, bytes, crc32c }: BulkBlock): void {
    const { blockBytes } = this.#identity;
    const expected = this.#blockCrcs.length;
    if (index !== expected) throw this.#mismatch(index, `block ${index} came, ${expected} is next`);
    if (this.#storedBytes % blockBytes !== 0) throw this.#mismatch(index, 'a block follows a short one');
    if (bytes.length === 0 || bytes.length > blockBytes) {
      throw this.#mismatch(index, `block ${index} has ${bytes.length} bytes of 1 to ${blockBytes}`);
    }
    if (expected >= this.#maxBlocks) throw this.#mismatch(index, 'the chunk is longer than announced');
    if (this.#writing.checksum.crc32c(bytes) !== crc32c)
      throw this.#mismatch(index, `block ${index} does not verify`);
  }

  #sealed(seal: ChunkSeal): ChunkHeader {
    checkHash('storedHash', seal.storedHash);
    checkHash('sourceHash', seal.sourceHash);
    if (seal.storedBytes !== this.#storedBytes) {
      throw this.#mismatch(this.#blockCrcs.length, `${this.#storedBytes} bytes came of ${seal.storedBytes}`);
    }
    const { storedBytes, storedHash, sourceHash } = seal;
    return { ...this.#identity, storedBytes, storedHash, sourceHash };
  }

  #mismatch(block: number, what: string): LoomError {
    const { dataset, index } = this.#identity;
    return new LoomError('CHECKSUM_MISMATCH', `chunk ${index} of ${dataset}: ${what}`, {
      details: { dataset, index, block },
    });
  }
}
