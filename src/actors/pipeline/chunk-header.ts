import { LoomError } from '../../ports/loom-error.ts';

/** What is known of a chunk before its bytes are: the plan's part of its header. */
export interface ChunkIdentity {
  /** Id of the data set: lower-case letters, digits and dashes, 1 to 64 of them. */
  readonly dataset: string;
  /** The data set's name for people, at most 255 bytes of UTF-8. */
  readonly name: string;
  readonly job: string;
  /** Position of the chunk in the data set: 0, 1, 2 … */
  readonly index: number;
  /** How many chunks the data set has; 0 while it is unknown. */
  readonly count: number;
  readonly sourceOffset: number;
  readonly sourceBytes: number;
  /** Bytes of every block but the last. */
  readonly blockBytes: number;
  readonly transform: { readonly name: string; readonly version: string };
  /** The work lease under which the chunk was made. */
  readonly token: number;
  readonly attempt: number;
}

/** All that a stored chunk says of itself. */
export interface ChunkHeader extends ChunkIdentity {
  readonly storedBytes: number;
  /** BLAKE3 of the stored bytes and of the source bytes, 64 hex digits each. */
  readonly storedHash: string;
  readonly sourceHash: string;
}

/** What names the bytes of a stored chunk. */
export interface ChunkKey {
  readonly dataset: string;
  readonly index: number;
  /** BLAKE3 of the stored bytes. */
  readonly hash: string;
}

export const chunkLimits: ChunkLimits = {
  minBlockBytes: 1024,
  maxBlockBytes: 4 * 1024 * 1024,
  maxStoredBytes: 1024 * 1024 * 1024,
  maxIndex: 99_999_999,
  maxNameBytes: 255,
  maxLabelBytes: 128,
};

export interface ChunkLimits {
  readonly minBlockBytes: number;
  readonly maxBlockBytes: number;
  /** Transforms may store more than they read. */
  readonly maxStoredBytes: number;
  readonly maxIndex: number;
  /** Of the data set's name, in UTF-8. */
  readonly maxNameBytes: number;
  /** Of the other texts. */
  readonly maxLabelBytes: number;
}

const datasetPattern = /^[a-z0-9-]{1,64}$/;
const hashPattern = /^[0-9a-f]{64}$/;

/** Throws INVALID_MESSAGE, naming the field, unless the store takes the identity. */
export function checkChunkIdentity(identity: ChunkIdentity): void {
  checkDataset(identity.dataset);
  checkIndex(identity.index);
  checkInteger('count', identity.count, 0, chunkLimits.maxIndex + 1);
  checkInteger('sourceOffset', identity.sourceOffset, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('sourceBytes', identity.sourceBytes, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('blockBytes', identity.blockBytes, chunkLimits.minBlockBytes, chunkLimits.maxBlockBytes);
  checkInteger('token', identity.token, 0, Number.MAX_SAFE_INTEGER);
  checkInteger('attempt', identity.attempt, 0, 0xffff_ffff);
  checkText('name', identity.name, chunkLimits.maxNameBytes);
  checkText('job', identity.job, chunkLimits.maxLabelBytes);
  checkText('transform.name', identity.transform.name, chunkLimits.maxLabelBytes);
  checkText('transform.version', identity.transform.version, chunkLimits.maxLabelBytes);
}

export function checkDataset(dataset: string): void {
  if (!datasetPattern.test(dataset))
    throw invalid('dataset', 'holds more than lower-case letters, digits and dashes');
}

export function checkIndex(index: number): void {
  checkInteger('index', index, 0, chunkLimits.maxIndex);
}

export function checkHash(field: string, hash: string): void {
  if (!hashPattern.test(hash)) throw invalid(field, 'is no BLAKE3 in 64 lower-case hex digits');
}

export function checkInteger(field: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw invalid(field, `is no integer from ${least} to ${most}`);
  }
}

export function checkText(field: string, value: string, maxBytes: number): void {
  const encoded = new TextEncoder().encode(value);
  if (encoded.length > maxBytes) throw invalid(field, `takes more than ${maxBytes} bytes`);
  // A lone surrogate would come back as another character.
  if (new TextDecoder('utf-8', { ignoreBOM: true }).decode(encoded) !== value)
    throw invalid(field, 'is no well-formed text');
}

function invalid(field: string, why: string): LoomError {
  return new LoomError('INVALID_MESSAGE', `${field} ${why}`, { details: { field } });
}

export function chunkFileName({ index, hash }: Pick<ChunkKey, 'index' | 'hash'>): string {
  return `${String(index).padStart(8, '0')}-${hash.slice(0, 16)}.chunk`;
}

export function sameHeader(a: ChunkHeader, b: ChunkHeader): boolean {
  return fieldsOf(a).every((field, i) => field === fieldsOf(b)[i]);
}

function fieldsOf(header: ChunkHeader): readonly (string | number)[] {
  const { dataset, name, job, index, count, sourceOffset, sourceBytes, blockBytes, transform } = header;
  const { token, attempt, storedBytes, storedHash, sourceHash } = header;
  return [
    ...[dataset, name, job, index, count, sourceOffset, sourceBytes, blockBytes],
    ...[transform.name, transform.version, token, attempt, storedBytes, storedHash, sourceHash],
  ];
}

export function keyOf(header: ChunkHeader): ChunkKey {
  return { dataset: header.dataset, index: header.index, hash: header.storedHash };
}
