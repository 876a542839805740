import { beforeEach, describe, expect, it } from 'vitest';
import {
  type DatasetBlock,
  type ReadDatasetParts,
  readDataset,
} from '../../../src/actors/pipeline/read-dataset.ts';
import type { BulkAttachment, BulkBlock } from '../../../src/ports/bulk.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import { blockBytes, checksum, content, expectBytes, hashOf } from './chunk-store-fixture.ts';
import { dataset, identity, type KeeperNode, KeeperWorld, manifestOf, storeOn } from './keeper-fixture.ts';

const nodes = ['a1', 'a2', 'b1'];
const chunks = [content(4000, 1), content(4096, 2), content(100, 3)];
const replicas = nodes.map((node) => ({ node, cloud: node.startsWith('a') ? 'aws' : 'gcp' }));

describe('reading a data set', () => {
  let world: KeeperWorld;
  let reader: BulkAttachment;

  beforeEach(async () => {
    world = new KeeperWorld();
    for (const node of await world.start(nodes)) {
      for (const [index, bytes] of chunks.entries()) await storeOn(world, node, identity({ index }), bytes);
    }
    reader = world.plane.attach('reader');
  });

  function node(name: string): KeeperNode {
    return world.nodes.get(name) as KeeperNode;
  }

  function parts(change: Partial<ReadDatasetParts> = {}): ReadDatasetParts {
    const { keeperOf } = world;
    const signal = new AbortController().signal;
    return {
      manifest: manifestOf(chunks, replicas),
      keeperOf,
      bulk: reader,
      checksum,
      preferCloud: 'gcp',
      signal,
      ...change,
    };
  }

  async function collect(from: AsyncIterable<DatasetBlock>, into: DatasetBlock[] = []): Promise<Uint8Array> {
    for await (const block of from) into.push(block);
    const whole = new Uint8Array(into.reduce((sum, { bytes }) => sum + bytes.length, 0));
    for (const { offset, bytes } of into) whole.set(bytes, offset);
    return whole;
  }

  const whole = Uint8Array.from(chunks.flatMap((part) => [...part]));

  /** Flips a bit of block `block` of a stored chunk. */
  function damage(on: string, chunk: number, block: number): void {
    const hash = hashOf(chunks[chunk] as Uint8Array);
    const path = `/data/store/chunks/${dataset}/${String(chunk).padStart(8, '0')}-${hash.slice(0, 16)}.chunk`;
    node(on).disk.flipBit(path, (4096 + block * blockBytes + 7) * 8);
  }

  /** A bulk plane whose pulls from some nodes pass through `change`. */
  function dressed(
    change: (block: BulkBlock, from: string) => BulkBlock | Promise<BulkBlock>,
  ): BulkAttachment {
    return {
      offer: (source) => reader.offer(source),
      revoke: (ticket) => reader.revoke(ticket),
      close: () => reader.close(),
      async *pull(ticket, fromBlock, signal) {
        for await (const block of reader.pull(ticket, fromBlock, signal))
          yield await change(block, ticket.node);
      },
    };
  }

  it('R1: yields every byte in order, from the preferred cloud', async () => {
    const blocks: DatasetBlock[] = [];
    expectBytes(await world.until(collect(readDataset(parts()), blocks)), whole);
    expect(blocks.map(({ chunk, block, offset }) => [chunk, block, offset])).toEqual([
      [0, 0, 0],
      [0, 1, 1024],
      [0, 2, 2048],
      [0, 3, 3072],
      [1, 0, 4000],
      [1, 1, 5024],
      [1, 2, 6048],
      [1, 3, 7072],
      [2, 0, 8096],
    ]);
    expect(world.plane.bytesBetween('b1', 'reader')).toBe(whole.length);
  });

  it('reads from the own node first, and spreads over equally near ones', async () => {
    await world.until(collect(readDataset(parts({ preferNode: 'a2', preferCloud: 'aws' }))));
    expect(world.plane.bytesBetween('a2', 'reader')).toBe(whole.length);
    await world.until(collect(readDataset(parts({ preferCloud: 'none' }))));
    for (const name of ['a1', 'b1']) expect(world.plane.bytesBetween(name, 'reader')).toBeGreaterThan(0);
  });

  it('R2: goes on with another replica at the block whose bytes rotted', async () => {
    damage('b1', 0, 2);
    const blocks: DatasetBlock[] = [];
    expectBytes(await world.until(collect(readDataset(parts()), blocks)), whole);
    expect(blocks).toHaveLength(9);
    expect(world.plane.bytesBetween('a1', 'reader')).toBe(4000 - 2048);
  });

  it('R2: names the chunk and every cause when no replica is left', async () => {
    for (const name of nodes) damage(name, 1, 3);
    const blocks: DatasetBlock[] = [];
    const reading = collect(readDataset(parts()), blocks);
    expect(await world.codeOf(reading)).toBe('UNREADABLE');
    await expect(reading).rejects.toThrow(/chunk 1 of weather: b1: .* a2: .* a1: /);
    for (const { offset, bytes } of blocks) expectBytes(bytes, whole.subarray(offset, offset + bytes.length));
    expect(blocks).toHaveLength(4 + 3);
  });

  it('R2: goes on when nodes are gone, before and during the read', async () => {
    node('a1').end();
    const reading = readDataset(parts());
    const first = await world.until(reading.next());
    expect(first.value).toMatchObject({ chunk: 0, block: 0 });
    node('b1').end();
    const blocks: DatasetBlock[] = [first.value as DatasetBlock];
    expectBytes(await world.until(collect(reading, blocks)), whole);
    expect(world.plane.bytesBetween('a2', 'reader')).toBeGreaterThan(0);
  });

  it('R2: asks a replica again that got on before it was cut off, and gives up when none gets on', async () => {
    const cut = (blocksEach: number): BulkAttachment => ({
      ...dressed((block) => block),
      async *pull(ticket, fromBlock, signal) {
        for await (const block of reader.pull(ticket, fromBlock, signal)) {
          if (block.index >= fromBlock + blocksEach) throw new LoomError('BULK_PEER_GONE', 'cut off');
          yield block;
        }
      },
    });
    const manifest = { ...manifestOf(chunks, replicas.slice(0, 2)) };
    expectBytes(await world.until(collect(readDataset(parts({ manifest, bulk: cut(1) })))), whole);
    expect(await world.codeOf(collect(readDataset(parts({ manifest, bulk: cut(0) }))))).toBe('UNREADABLE');
  });

  it('R1: takes no block that was changed on its way', async () => {
    const bulk = dressed((block, from) => {
      if (from !== 'b1' || block.index !== 1) return block;
      const bytes = block.bytes.slice();
      bytes[3] = (bytes[3] as number) ^ 1;
      return { ...block, bytes };
    });
    expectBytes(await world.until(collect(readDataset(parts({ bulk })))), whole);
  });

  it('R1: takes no block of another length or place, even with a CRC32C that fits', async () => {
    for (const change of [
      (block: BulkBlock) => ({
        ...block,
        bytes: block.bytes.subarray(1),
        crc32c: checksum.crc32c(block.bytes.subarray(1)),
      }),
      (block: BulkBlock) => ({ ...block, index: block.index + 1 }),
    ]) {
      const bulk = dressed((block, from) => (from === 'b1' ? change(block) : block));
      expectBytes(await world.until(collect(readDataset(parts({ bulk })))), whole);
    }
  });

  it('R1: never yields the last block of a chunk whose BLAKE3 differs', async () => {
    const forged = (block: BulkBlock): BulkBlock => {
      const bytes = block.bytes.slice();
      bytes[0] = (bytes[0] as number) ^ 1;
      return { ...block, bytes, crc32c: checksum.crc32c(bytes) };
    };
    const blocks: DatasetBlock[] = [];
    const lying = dressed((block, from) => (from === 'b1' && block.index === 1 ? forged(block) : block));
    expect(await world.codeOf(collect(readDataset(parts({ bulk: lying })), blocks))).toBe(
      'CHECKSUM_MISMATCH',
    );
    expect(blocks.map(({ block }) => block)).toEqual([0, 1, 2]);

    // A chunk of one block is not lost to a liar: nothing of it was yielded.
    const manifest = {
      ...manifestOf(chunks, replicas),
      bytes: 100,
      chunks: manifestOf(chunks, replicas).chunks.slice(2),
    };
    const small = dressed((block, from) => (from === 'b1' ? forged(block) : block));
    expectBytes(await world.until(collect(readDataset(parts({ bulk: small, manifest })))), chunks[2]);
  });

  it('R2: leaves a replica that stalls', async () => {
    const clock = world.time.process();
    const bulk = dressed((block, from) =>
      from === 'b1' && block.index === 1 ? new Promise<BulkBlock>(() => undefined) : block,
    );
    // The dressed plane does not hear of signals while it waits: so the pull must end by its reader.
    const honest: BulkAttachment = {
      ...bulk,
      pull: (ticket, fromBlock, signal) => {
        const inner = bulk.pull(ticket, fromBlock, signal)[Symbol.asyncIterator]();
        const aborted = new Promise<never>((_, reject) => {
          signal.addEventListener('abort', () => reject(LoomError.from(signal.reason, 'CANCELLED')));
        });
        aborted.catch(() => undefined);
        const iterator: AsyncIterator<BulkBlock> = {
          next: () => Promise.race([inner.next(), aborted]),
          return: () => Promise.resolve({ done: true, value: undefined }),
        };
        return { [Symbol.asyncIterator]: () => iterator };
      },
    };
    expectBytes(
      await world.until(collect(readDataset(parts({ bulk: honest, clock, stallMs: 5000 })))),
      whole,
    );
    expect(world.time.nowMs).toBeGreaterThanOrEqual(5000);
  });

  it('R2: ends with its signal, and when the reader leaves', async () => {
    const abort = new AbortController();
    const reading = readDataset(parts({ signal: abort.signal }));
    await world.until(reading.next());
    await world.run();
    abort.abort();
    expect(await world.codeOf(reading.next())).toBe('CANCELLED');

    const open = new Set<string>();
    const bulk: BulkAttachment = {
      ...dressed((block) => block),
      async *pull(ticket, fromBlock, signal) {
        open.add(ticket.ticket);
        try {
          yield* reader.pull(ticket, fromBlock, signal);
        } finally {
          open.delete(ticket.ticket);
        }
      },
    };
    const left = readDataset(parts({ bulk }));
    await world.until(left.next());
    await world.run();
    expect(open.size).toBe(2);
    await world.until(left.return(undefined));
    expect(open.size, 'no pull is left open').toBe(0);
    expect(await world.until(left.next())).toEqual({ done: true, value: undefined });
  });

  it('R3: fetches no more than a block ahead, and the first of the next chunk', async () => {
    const taken: string[] = [];
    const bulk = dressed((block, from) => {
      taken.push(`${from} ${block.index} ${block.bytes.length}`);
      return block;
    });
    const reading = readDataset(parts({ bulk }));
    await world.until(reading.next());
    await world.run();
    expect(taken).toHaveLength(3);
    await world.until(reading.return(undefined));
  });

  it('reads a data set without chunks, and chunks without bytes', async () => {
    expect(
      await world.until(collect(readDataset(parts({ manifest: manifestOf([], replicas) })))),
    ).toHaveLength(0);
    const empty = manifestOf([new Uint8Array(0)], replicas);
    expect(await world.until(collect(readDataset(parts({ manifest: empty }))))).toHaveLength(0);
  });

  it('refuses a manifest whose chunks do not make up its length', async () => {
    const manifest = { ...manifestOf(chunks, replicas), bytes: 1 };
    expect(await world.codeOf(collect(readDataset(parts({ manifest }))))).toBe('CHECKSUM_MISMATCH');
  });
});
