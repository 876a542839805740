/**
 * The floor: a bare program that stores the same file as three copies, with the same guarantees for each chunk: CRC32C
 * of each block taken at the source and checked at each copy, fdatasync, rename, sync of the folder. Two chunks are
 * under way at a time, their three copies side by side.
 */
import { mkdir, open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from '@node-rs/crc32';
import { blockBytes, chunkBytes, source, sourceBytes, target } from './source.mjs';

const copies = 3;
const chunksAtOnce = 2;

async function storeChunk(from, folders, index) {
  const start = index * chunkBytes;
  const bytes = Math.min(chunkBytes, sourceBytes - start);
  const parts = await Promise.all(folders.map((folder) => open(join(folder, `${index}.part`), 'w')));
  for (let at = 0; at < bytes; at += blockBytes) {
    const block = Buffer.allocUnsafeSlow(Math.min(blockBytes, bytes - at));
    await from.read(block, 0, block.length, start + at);
    const sum = crc32c(block);
    await Promise.all(
      parts.map((part) => {
        if (crc32c(block) !== sum) throw new Error('a block changed');
        return part.write(block, 0, block.length, at);
      }),
    );
  }
  await Promise.all(
    parts.map(async (part, copy) => {
      await part.datasync();
      await part.close();
      const folder = folders[copy];
      await rename(join(folder, `${index}.part`), join(folder, `${index}.chunk`));
      const directory = await open(folder, 'r');
      await directory.sync();
      await directory.close();
    }),
  );
}

async function main() {
  const path = await source();
  const run = await target();
  const folders = Array.from({ length: copies }, (_, copy) => join(run, String(copy)));
  for (const folder of folders) await mkdir(folder);
  const from = await open(path, 'r');
  const chunks = Math.ceil(sourceBytes / chunkBytes);
  let next = 0;
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: chunksAtOnce }, async () => {
      while (next < chunks) await storeChunk(from, folders, next++);
    }),
  );
  const seconds = (performance.now() - startMs) / 1000;
  const megabytes = process.resourceUsage().maxRSS / 1024;
  await from.close();
  await rm(run, { recursive: true });
  return process.argv[2] === 'resident' ? megabytes : sourceBytes / 1e6 / seconds;
}

console.log(JSON.stringify({ value: await main() }));
