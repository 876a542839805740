import { expect } from 'vitest';
import type { ChunkIdentity, ChunkKey } from '../../../src/actors/pipeline/chunk-header.ts';
import type { ChunkStore, ChunkStoreOptions, StoredChunk } from '../../../src/actors/pipeline/chunk-store.ts';
import { openChunkStore } from '../../../src/actors/pipeline/open-chunk-store.ts';
import { nativeChecksum } from '../../../src/adapters/checksum/native-checksum.ts';
import type { BulkBlock } from '../../../src/ports/bulk.ts';
import type { Disk } from '../../../src/ports/disk.ts';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import { SimulatedDisk } from '../../../src/runtime/simulation/simulated-disk.ts';

export const root = '/data/store';
export const checksum = nativeChecksum();
export const blockBytes = 1024;

export function simulatedDisk(seed = 1): SimulatedDisk {
  return new SimulatedDisk({ random: new SeededRandom(seed) });
}

export function openStore(disk: Disk, options: Partial<ChunkStoreOptions> = {}): Promise<ChunkStore> {
  return openChunkStore({
    disk,
    checksum,
    random: new SeededRandom(99),
    root,
    durability: 'power-safe',
    ...options,
  });
}

export function identity(change: Partial<ChunkIdentity> = {}): ChunkIdentity {
  return {
    dataset: 'weather-2026',
    name: 'Weather, 2026 ☂',
    job: 'job-1',
    index: 3,
    count: 7,
    sourceOffset: 3 * 4000,
    sourceBytes: 4000,
    blockBytes,
    transform: { name: 'verify', version: '1.0.0' },
    token: 2 ** 40 + 5,
    attempt: 2,
    ...change,
  };
}

/** Bytes that differ with the seed and at every position. */
export function content(bytes: number, seed = 1): Uint8Array {
  const out = new Uint8Array(bytes);
  let state = seed >>> 0;
  for (let i = 0; i < bytes; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    out[i] = state >>> 24;
  }
  return out;
}

export function blocksFrom(bytes: Uint8Array, size = blockBytes): BulkBlock[] {
  const blocks: BulkBlock[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    const part = bytes.subarray(at, at + size);
    blocks.push({ index: blocks.length, bytes: part, crc32c: checksum.crc32c(part) });
  }
  return blocks;
}

export function hashOf(bytes: Uint8Array): string {
  const hasher = checksum.blake3();
  hasher.update(bytes);
  return hasher.digestHex();
}

export async function store(to: ChunkStore, id: ChunkIdentity, bytes: Uint8Array): Promise<StoredChunk> {
  const writer = await to.begin(id);
  for (const block of blocksFrom(bytes, id.blockBytes)) await writer.append(block);
  const hash = hashOf(bytes);
  return writer.commit({ storedBytes: bytes.length, storedHash: hash, sourceHash: hash });
}

export async function readChunk(from: ChunkStore, key: ChunkKey, fromBlock = 0): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for await (const block of from.read(key, fromBlock)) parts.push(block.bytes);
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Compares bytes in one call: an `expect` on every element of large arrays takes seconds. */
export function expectBytes(actual: Uint8Array, expected: Uint8Array | undefined, what = 'bytes'): void {
  expect(Buffer.compare(actual, expected ?? new Uint8Array(0)), what).toBe(0);
}
