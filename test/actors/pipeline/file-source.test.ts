import { describe, expect, test } from 'vitest';
import { FileSource } from '../../../src/actors/pipeline/file-source.ts';
import type { SourcePin } from '../../../src/actors/pipeline/messages.ts';
import { nativeChecksum } from '../../../src/adapters/checksum/native-checksum.ts';
import type { BulkBlock } from '../../../src/ports/bulk.ts';
import type { Disk } from '../../../src/ports/disk.ts';
import { SeededRandom } from '../../../src/runtime/simulation/seeded-random.ts';
import { SimulatedDisk } from '../../../src/runtime/simulation/simulated-disk.ts';

const checksum = nativeChecksum();
const signal = new AbortController().signal;

async function fileOf(bytes: number): Promise<{ disk: Disk; pin: SourcePin; content: Uint8Array }> {
  const disk = new SimulatedDisk({ random: new SeededRandom(1) }).mount();
  const random = new SeededRandom(2);
  const content = Uint8Array.from({ length: bytes }, () => random.below(256));
  await write(disk, content, 0);
  const stat = await disk.stat('/source');
  if (stat === undefined) throw new Error('the file is not there');
  return { disk, pin: stat, content };
}

async function write(disk: Disk, bytes: Uint8Array, position: number): Promise<void> {
  const file = await disk.open('/source', 'write');
  await file.write(bytes, position);
  await file.close();
}

async function all(blocks: AsyncIterable<BulkBlock>): Promise<Uint8Array> {
  const parts: number[] = [];
  for await (const block of blocks) {
    expect(checksum.crc32c(block.bytes)).toBe(block.crc32c);
    parts.push(...block.bytes);
  }
  return Uint8Array.from(parts);
}

describe('a range of a file', () => {
  test.each([
    [0, 1000],
    [300, 700],
    [999, 1],
    [0, 0],
  ])('from %i, %i bytes, gives exactly these bytes', async (offset, bytes) => {
    const { disk, pin, content } = await fileOf(1000);
    const source = new FileSource(disk, checksum, { path: '/source', pin, offset, bytes, blockBytes: 256 });
    expect(await all(source.blocks(0, signal))).toEqual(content.slice(offset, offset + bytes));
  });

  test('a pull may begin at any block', async () => {
    const { disk, pin, content } = await fileOf(1000);
    const source = new FileSource(disk, checksum, {
      path: '/source',
      pin,
      offset: 0,
      bytes: 1000,
      blockBytes: 256,
    });
    expect(await all(source.blocks(2, signal))).toEqual(content.slice(512));
  });
});

describe('X1: the file is what was pinned', () => {
  test.each([
    ['grew', async (disk: Disk) => write(disk, new Uint8Array(10), 1000)],
    [
      'shrank',
      async (disk: Disk) => {
        const file = await disk.open('/source', 'write');
        await file.truncate(500);
        await file.close();
      },
    ],
    [
      'was replaced',
      async (disk: Disk) => {
        const file = await disk.open('/other', 'create');
        await file.write(new Uint8Array(1000), 0);
        await file.close();
        await disk.rename('/other', '/source');
      },
    ],
  ])('a file that %s before the first block is SOURCE_CHANGED', async (_how, change) => {
    const { disk, pin } = await fileOf(1000);
    await change(disk);
    const source = new FileSource(disk, checksum, {
      path: '/source',
      pin,
      offset: 0,
      bytes: 1000,
      blockBytes: 256,
    });
    await expect(all(source.blocks(0, signal))).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  });

  test('a file that grows while it is read is SOURCE_CHANGED at the end', async () => {
    const { disk, pin } = await fileOf(1000);
    const source = new FileSource(disk, checksum, {
      path: '/source',
      pin,
      offset: 0,
      bytes: 1000,
      blockBytes: 256,
    });
    const blocks = source.blocks(0, signal);
    await blocks.next();
    await write(disk, new Uint8Array(10), 1000);
    await expect(all(blocks)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  });
});
