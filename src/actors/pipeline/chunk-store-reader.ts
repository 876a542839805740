import type { BulkBlock } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import type { Disk, DiskFile } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import {
  blockLength,
  chunkHeaderBytes,
  chunkHeaderLength,
  type DecodedChunkHeader,
  decodeChunkHeader,
} from './chunk-file.ts';
import { type ChunkKey, keyOf } from './chunk-header.ts';
import type { StoredChunk } from './chunk-store.ts';

export interface ChunkReading {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly allocate: (bytes: number) => Uint8Array;
}

/** The header of an open chunk file, verified, and the length of the file with it. CHECKSUM_MISMATCH, DATA_VERSION. */
export async function readChunkHeader(checksum: Checksum, file: DiskFile): Promise<DecodedChunkHeader> {
  const start = new Uint8Array(chunkHeaderBytes(0));
  const startBytes = await file.read(start, 0);
  const headerBytes = chunkHeaderLength(checksum, start.subarray(0, startBytes));
  let whole = start.subarray(0, startBytes);
  if (headerBytes > start.length) {
    whole = new Uint8Array(headerBytes);
    whole.set(start);
    const more = await file.read(whole.subarray(start.length), start.length);
    whole = whole.subarray(0, start.length + more);
  }
  const decoded = decodeChunkHeader(checksum, whole);
  const { bytes } = await file.stat();
  if (bytes !== headerBytes + decoded.header.storedBytes) {
    throw new LoomError('CHECKSUM_MISMATCH', 'the chunk’s file has another length than its header says');
  }
  return decoded;
}

export function storedChunkOf({ header, headerBytes }: DecodedChunkHeader): StoredChunk {
  return { key: keyOf(header), header, headerBytes, fileBytes: headerBytes + header.storedBytes };
}

/**
 * The blocks of the chunk at `path`, each verified before it is yielded; the next one is read meanwhile.
 * CHECKSUM_MISMATCH names data set, index and block, never a path.
 */
export async function* readBlocks(
  { disk, checksum, allocate }: ChunkReading,
  path: string,
  key: ChunkKey,
  fromBlock: number,
  signal?: AbortSignal,
): AsyncGenerator<BulkBlock, StoredChunk> {
  const file = await disk.open(path, 'read');
  let ahead: Promise<Uint8Array> | undefined;
  try {
    const decoded = await readChunkHeader(checksum, file);
    const { header, headerBytes, blockCrcs } = decoded;
    if (header.storedHash !== key.hash || header.dataset !== key.dataset || header.index !== key.index) {
      throw new LoomError('CHECKSUM_MISMATCH', 'the file holds another chunk');
    }
    const readBlock = async (index: number): Promise<Uint8Array> => {
      const bytes = allocate(blockLength(header, index));
      const read = await file.read(bytes, headerBytes + index * header.blockBytes);
      if (read === bytes.length && checksum.crc32c(bytes) === blockCrcs[index]) return bytes;
      throw new LoomError('CHECKSUM_MISMATCH', `block ${index} does not verify`, {
        details: { block: index },
      });
    };
    for (let index = fromBlock; index < blockCrcs.length; index++) {
      if (signal?.aborted === true) throw new LoomError('CANCELLED', 'the reader went away');
      const bytes = await (ahead ?? readBlock(index));
      ahead = index + 1 < blockCrcs.length ? readBlock(index + 1) : undefined;
      // Whoever awaits it gets its failure; nobody does when the reader leaves.
      ahead?.catch(() => undefined);
      yield { index, bytes, crc32c: blockCrcs[index] as number };
    }
    return storedChunkOf(decoded);
  } catch (thrown) {
    throw withChunk(thrown, key);
  } finally {
    await ahead?.catch(() => undefined);
    await file.close();
  }
}

function withChunk(thrown: unknown, { dataset, index }: ChunkKey): unknown {
  if (!(thrown instanceof LoomError) || thrown.code !== 'CHECKSUM_MISMATCH') return thrown;
  const detail = thrown.message.slice(thrown.code.length + 2);
  return new LoomError('CHECKSUM_MISMATCH', `chunk ${index} of ${dataset}: ${detail}`, {
    cause: thrown,
    details: { dataset, index, ...thrown.details },
  });
}
