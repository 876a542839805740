import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { HeaderReader, HeaderWriter } from './chunk-file-fields.ts';
import { checkFileHead, fileHeadBytes, writeFileHead } from './chunk-file-head.ts';
import { type ChunkHeader, checkChunkIdentity, chunkLimits } from './chunk-header.ts';

/**
 * A chunk at rest: a header that says all there is to know of it, then its blocks.
 *
 * K1. The header alone is enough to rebuild the catalogue of a node: whose bytes, which part, made how and by whom.
 * K2. Every byte of the file is under a checksum: the head's CRC32C covers magic and version, the header's covers the
 *     rest of the header with its padding, the table in it has the CRC32C of each block.
 * K3. All blocks have `blockBytes` bytes but the last, which has at least one; a chunk without bytes has no blocks.
 * K4. The header takes a multiple of 4 KiB: its fields, at byte 1024 the table, zeros.
 */
const magic = 'LOOMCHNK';
const formatVersion = 1;
const tableOffset = 1024;
const headerUnitBytes = 4096;

/** Where the blocks begin in a file whose table has room for `maxBlocks`. */
export function chunkHeaderBytes(maxBlocks: number): number {
  return Math.ceil((tableOffset + 4 * maxBlocks) / headerUnitBytes) * headerUnitBytes;
}

/** The header with its table, `headerBytes` long. */
export function encodeChunkHeader(
  checksum: Checksum,
  header: ChunkHeader,
  blockCrcs: readonly number[],
  headerBytes: number,
): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  const fields = new HeaderWriter(bytes, fileHeadBytes);
  fields.u32(header.index);
  fields.u32(header.count);
  fields.u53(header.sourceOffset);
  fields.u53(header.sourceBytes);
  fields.u53(header.storedBytes);
  fields.u32(header.blockBytes);
  fields.u32(blockCrcs.length);
  fields.u53(header.token);
  fields.u32(header.attempt);
  fields.hash(header.storedHash);
  fields.hash(header.sourceHash);
  fields.text(header.dataset);
  fields.text(header.name);
  fields.text(header.job);
  fields.text(header.transform.name);
  fields.text(header.transform.version);
  const table = new DataView(bytes.buffer, tableOffset);
  for (const [i, crc] of blockCrcs.entries()) table.setUint32(4 * i, crc);
  writeFileHead(checksum, bytes, magic, formatVersion);
  return bytes;
}

export interface DecodedChunkHeader {
  readonly header: ChunkHeader;
  readonly blockCrcs: Uint32Array;
  readonly headerBytes: number;
}

/** How many bytes the header has, by the first 4 KiB of a file. CHECKSUM_MISMATCH or DATA_VERSION otherwise. */
export function chunkHeaderLength(checksum: Checksum, start: Uint8Array): number {
  const headerBytes = checkFileHead(checksum, start, magic, formatVersion);
  const longest = chunkHeaderBytes(chunkLimits.maxStoredBytes / chunkLimits.minBlockBytes);
  if (headerBytes % headerUnitBytes !== 0 || headerBytes > longest) throw damagedHeader();
  return headerBytes;
}

/** The header out of exactly its bytes. CHECKSUM_MISMATCH or DATA_VERSION otherwise. */
export function decodeChunkHeader(checksum: Checksum, bytes: Uint8Array): DecodedChunkHeader {
  const headerBytes = checkFileHead(checksum, bytes, magic, formatVersion, bytes.length);
  const fields = new HeaderReader(bytes, fileHeadBytes);
  const index = fields.u32();
  const count = fields.u32();
  const sourceOffset = fields.u53();
  const sourceBytes = fields.u53();
  const storedBytes = fields.u53();
  const blockBytes = fields.u32();
  const blockCount = fields.u32();
  const token = fields.u53();
  const attempt = fields.u32();
  const storedHash = fields.hash();
  const sourceHash = fields.hash();
  const dataset = fields.text();
  const name = fields.text();
  const job = fields.text();
  const transform = { name: fields.text(), version: fields.text() };
  const header = {
    ...{ dataset, name, job, index, count, sourceOffset, sourceBytes, storedBytes, blockBytes },
    ...{ token, attempt, storedHash, sourceHash, transform },
  };
  checkChunkIdentity(header);
  if (tableOffset + 4 * blockCount > headerBytes || blockCount !== blocksOf(storedBytes, blockBytes)) {
    throw damagedHeader();
  }
  const table = new DataView(bytes.buffer, bytes.byteOffset + tableOffset);
  return {
    header,
    blockCrcs: Uint32Array.from({ length: blockCount }, (_, i) => table.getUint32(4 * i)),
    headerBytes,
  };
}

/** How many blocks a chunk of `storedBytes` has. */
export function blocksOf(storedBytes: number, blockBytes: number): number {
  return Math.ceil(storedBytes / blockBytes);
}

/** How many bytes block `index` of a chunk has. */
export function blockLength(header: ChunkHeader, index: number): number {
  return Math.min(header.blockBytes, header.storedBytes - index * header.blockBytes);
}

function damagedHeader(): LoomError {
  return new LoomError('CHECKSUM_MISMATCH', 'the chunk’s header makes no sense');
}
