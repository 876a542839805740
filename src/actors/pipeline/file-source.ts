import type { BulkBlock, BulkSource } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { SourcePin } from './messages.ts';

export interface FileRange {
  readonly path: string;
  readonly pin: SourcePin;
  readonly offset: number;
  readonly bytes: number;
  readonly blockBytes: number;
}

/**
 * A range of a file as blocks, each with the CRC32C of its bytes, taken while they are in cache.
 *
 * X1. The file is what was pinned when the plan was made, before the first block and after the last one: a file that
 *     grew, shrank, was replaced or written to is SOURCE_CHANGED, and the range must not be used.
 * X2. One block is read ahead of the one that is used; no more memory is held.
 */
export class FileSource implements BulkSource {
  readonly #disk: Disk;
  readonly #checksum: Checksum;
  readonly #range: FileRange;
  readonly #allocate: (bytes: number) => Uint8Array;

  /** `allocate` gives memory that need not be zeroed. */
  constructor(
    disk: Disk,
    checksum: Checksum,
    range: FileRange,
    allocate: (bytes: number) => Uint8Array = (bytes) => new Uint8Array(bytes),
  ) {
    this.#disk = disk;
    this.#checksum = checksum;
    this.#range = range;
    this.#allocate = allocate;
  }

  async *blocks(fromBlock: number, signal: AbortSignal): AsyncGenerator<BulkBlock> {
    const { bytes, blockBytes, path } = this.#range;
    const file = await this.#disk.open(path, 'read');
    try {
      await this.#checkPin(file);
      const blockCount = Math.ceil(bytes / blockBytes);
      let ahead = fromBlock < blockCount ? this.#read(file, fromBlock) : undefined;
      for (let index = fromBlock; index < blockCount; index++) {
        const block = await (ahead as Promise<BulkBlock>);
        signal.throwIfAborted();
        ahead = index + 1 < blockCount ? this.#read(file, index + 1) : undefined;
        // Whoever stops early leaves this read behind; who goes on awaits it and sees its error.
        ahead?.catch(() => undefined);
        yield block;
      }
      await this.#checkPin(file);
    } finally {
      await file.close();
    }
  }

  async #read(file: DiskFile, index: number): Promise<BulkBlock> {
    const { offset, bytes, blockBytes } = this.#range;
    const start = index * blockBytes;
    const block = this.#allocate(Math.min(blockBytes, bytes - start));
    const read = await file.read(block, offset + start);
    if (read !== block.length) throw this.#changed(`it ends at byte ${offset + start + read}`);
    return { index, bytes: block, crc32c: this.#checksum.crc32c(block) };
  }

  async #checkPin(file: DiskFile): Promise<void> {
    const now = await file.stat();
    const { pin } = this.#range;
    if (now.bytes !== pin.bytes) throw this.#changed(`it had ${pin.bytes} bytes and has ${now.bytes}`);
    if (now.inode !== pin.inode || now.device !== pin.device)
      throw this.#changed('another file stands in its place');
    if (now.modifiedMs !== pin.modifiedMs) throw this.#changed('it was written to');
  }

  #changed(how: string): LoomError {
    return new LoomError('SOURCE_CHANGED', `${this.#range.path}: ${how}`, {
      details: { path: this.#range.path },
    });
  }
}
