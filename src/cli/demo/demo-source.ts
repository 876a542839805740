import { join } from 'node:path';
import type { Machine } from '../../node/compose.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { writeSyntheticBatch } from './synthetic-batch.ts';

/** The same batch on every machine. */
const seed = 42;
const readBytes = 4 * 1024 * 1024;

/** The file that the demo takes in, and what its bytes hash to. */
export interface DemoSource {
  readonly path: string;
  readonly bytes: number;
  readonly blake3: string;
}

export interface SourceProgress {
  readonly signal: AbortSignal;
  readonly progress: (bytes: number) => void;
}

/** Makes the synthetic batch in a folder. */
export async function makeSource(
  { checksum }: Machine,
  folder: string,
  bytes: number,
  following: SourceProgress,
): Promise<DemoSource> {
  const path = join(folder, 'batch.jsonl');
  return { path, bytes, blake3: await writeSyntheticBatch(path, bytes, { seed, checksum, ...following }) };
}

/** The size of a given file, before anything is made for it. */
export async function givenSize({ disk }: Machine, path: string): Promise<number> {
  const stat = await disk.stat(path);
  if (stat === undefined) throw new LoomError('DISK_NOT_FOUND', path, { details: { path } });
  if (stat.kind !== 'file') {
    throw new LoomError('SOURCE_NOT_A_FILE', `${path} is no regular file`, { details: { path } });
  }
  return stat.bytes;
}

/** Hashes a given file. */
export async function readSource(
  { disk, checksum }: Machine,
  path: string,
  { signal, progress }: SourceProgress,
): Promise<DemoSource> {
  const hasher = checksum.blake3();
  const file = await disk.open(path, 'read');
  try {
    const buffer = new Uint8Array(readBytes);
    let bytes = 0;
    for (;;) {
      signal.throwIfAborted();
      const count = await file.read(buffer, bytes);
      if (count === 0) return { path, bytes, blake3: hasher.digestHex() };
      hasher.update(buffer.subarray(0, count));
      bytes += count;
      progress(bytes);
    }
  } finally {
    await file.close();
  }
}
