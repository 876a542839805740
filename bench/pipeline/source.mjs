/** The file that both programs store: 1 GiB of bytes that do not compress, made once and left for the next round. */
import { createHash } from 'node:crypto';
import { mkdir, open, rename, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const sourceBytes = 2 ** 30;
export const chunkBytes = 100 * 2 ** 20;
export const blockBytes = 4 * 2 ** 20;

const folder = join(tmpdir(), 'loom-bench-pipeline');

/** Its path, with its pages in the cache. */
export async function source() {
  await mkdir(folder, { recursive: true });
  const path = join(folder, 'source-1GiB');
  const known = await stat(path).catch(() => undefined);
  if (known?.size !== sourceBytes) await make(path);
  const file = await open(path, 'r');
  const block = Buffer.allocUnsafe(blockBytes);
  for (let at = 0; at < sourceBytes; at += blockBytes) await file.read(block, 0, blockBytes, at);
  await file.close();
  return path;
}

/** An empty folder on the same volume, for one run. */
export async function target() {
  const path = join(folder, `run-${process.pid}`);
  await mkdir(path, { recursive: true });
  return path;
}

async function make(path) {
  const file = await open(`${path}.part`, 'w');
  const seed = createHash('sha512').update('loom').digest();
  const block = Buffer.alloc(blockBytes);
  for (let at = 0; at < blockBytes; at += seed.length) seed.copy(block, at);
  for (let at = 0; at < sourceBytes; at += blockBytes) {
    const words = new Uint32Array(block.buffer, block.byteOffset, blockBytes / 4);
    let x = (at / blockBytes + 1) >>> 0;
    for (let i = 0; i < words.length; i++) {
      x ^= x << 13;
      x ^= x >>> 17;
      x ^= x << 5;
      words[i] = x;
    }
    await file.write(block, 0, blockBytes, at);
  }
  await file.sync();
  await file.close();
  await rename(`${path}.part`, path);
}
