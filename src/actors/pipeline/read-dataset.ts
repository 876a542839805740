import { LoomError } from '../../ports/loom-error.ts';
import { ChunkRead, type ChunkReading } from './chunk-read.ts';
import type { Manifest } from './messages.ts';

export interface ReadDatasetParts extends ChunkReading {
  readonly manifest: Manifest;
}

/** A verified block of a data set. */
export interface DatasetBlock {
  readonly chunk: number;
  /** Position of the block in its chunk. */
  readonly block: number;
  /** Position of its first byte in the data set. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly crc32c: number;
}

/**
 * The bytes of a data set, in order, from whichever replicas give them.
 *
 * R1. No byte is yielded that fails its CRC32C; the last block of a chunk only after the whole chunk's BLAKE3, length
 *     and block count were found right. Whoever got all blocks has the data set.
 * R2. A replica that fails is left for another one at the block that is next; UNREADABLE with all causes when none is
 *     left. A reader that goes away, or an aborted signal (CANCELLED), ends all that was begun.
 * R3. In memory are at most the block that the reader has, the next one, and the first one of the next chunk.
 */
export async function* readDataset(parts: ReadDatasetParts): AsyncGenerator<DatasetBlock, undefined> {
  const { manifest, signal } = parts;
  const left = new AbortController();
  const scope = { ...parts, signal: AbortSignal.any([signal, left.signal]) };
  const begin = (at: number): ChunkRead | undefined => {
    const chunk = manifest.chunks[at];
    return chunk === undefined ? undefined : new ChunkRead(manifest, chunk, scope);
  };
  let offset = 0;
  let current = begin(0);
  let next: ChunkRead | undefined;
  try {
    for (let at = 0; current !== undefined; at++) {
      next = begin(at + 1);
      for (let block = await current.next(); block !== undefined; block = await current.next()) {
        if (signal.aborted) throw LoomError.from(signal.reason, 'CANCELLED');
        yield { chunk: current.index, block: block.index, offset, bytes: block.bytes, crc32c: block.crc32c };
        offset += block.bytes.length;
      }
      current = next;
    }
    if (offset === manifest.bytes) return undefined;
    throw new LoomError('CHECKSUM_MISMATCH', `${manifest.name}: ${offset} bytes came of ${manifest.bytes}`);
  } finally {
    left.abort(new LoomError('CANCELLED', 'the reader went away'));
    await Promise.all([current?.close(), next?.close()]);
  }
}
