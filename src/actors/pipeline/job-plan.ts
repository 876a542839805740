import { LoomError } from '../../ports/loom-error.ts';

/** Where a chunk lies in its source. */
export interface ChunkRange {
  readonly index: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Chunks of a source of `bytes` bytes: all of `chunkBytes` but the last. An empty source has none. */
export function chunkCount(bytes: number, chunkBytes: number): number {
  return Math.ceil(bytes / chunkBytes);
}

export function chunkRange(index: number, bytes: number, chunkBytes: number): ChunkRange {
  const offset = index * chunkBytes;
  return { index, offset, bytes: Math.min(chunkBytes, bytes - offset) };
}

const encoder = new TextEncoder();
const maxNameBytes = 200;
const loneSurrogate = /\p{Surrogate}/u;

/** Refuses what cannot name a data set on every system and in every path: INVALID_NAME. */
export function checkDatasetName(name: string): void {
  const bytes = encoder.encode(name).length;
  const details = { details: { field: 'name' } };
  if (bytes === 0 || bytes > maxNameBytes) {
    throw new LoomError(
      'INVALID_NAME',
      `a name takes 1 to ${maxNameBytes} bytes; this one has ${bytes}`,
      details,
    );
  }
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    if (code < 0x20 || code === 0x7f)
      throw new LoomError('INVALID_NAME', 'the name has a control character', details);
  }
  if (loneSurrogate.test(name))
    throw new LoomError('INVALID_NAME', 'the name is not well-formed Unicode', details);
  if (name.includes('/') || name.includes('\\') || name.includes('..') || name === '.') {
    throw new LoomError('INVALID_NAME', `“${name}” has a path in it`, details);
  }
}

/** Limits of a plan beyond those of single options; INVALID_OPTION names the option. */
export function checkPlan(bytes: number, chunkBytes: number, blockBytes: number): void {
  option(
    'chunk-size',
    chunkBytes >= minChunkBytes && chunkBytes <= maxChunkBytes,
    `${chunkBytes} is not 4 KiB to 100 MiB`,
  );
  option(
    'block-size',
    blockBytes >= minBlockBytes && blockBytes <= maxBlockBytes,
    `${blockBytes} is not 1 KiB to 4 MiB`,
  );
  option('block-size', blockBytes <= chunkBytes, 'a block is larger than a chunk');
  const chunks = chunkCount(bytes, chunkBytes);
  option('chunk-size', chunks <= maxChunks, `${chunks} chunks are more than ${maxChunks}`);
}

function option(field: string, good: boolean, detail: string): void {
  if (!good) throw new LoomError('INVALID_OPTION', `--${field}: ${detail}`, { details: { field } });
}

const minChunkBytes = 1024;
const maxChunkBytes = 100 * 1024 * 1024;
const minBlockBytes = 1024;
const maxBlockBytes = 4 * 1024 * 1024;
/** Pages of 16 under one prefix of the registry: about 60 MB of records at the most. */
const maxChunks = 100_000;
