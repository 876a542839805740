import { beforeEach, describe, expect, it } from 'vitest';
import type { BulkBlock } from '../../../src/ports/bulk.ts';
import { content, expectBytes, hashOf, readChunk } from './chunk-store-fixture.ts';
import {
  dataset,
  identity,
  type KeeperNode,
  KeeperWorld,
  keyOf,
  offerBytes,
  sealOf,
  storeOn,
  token,
} from './keeper-fixture.ts';

const bytes = content(4000);
const chunk = identity();
const seal = sealOf(bytes);

describe('a storage keeper', () => {
  let world: KeeperWorld;
  let a: KeeperNode;
  let b: KeeperNode;

  beforeEach(async () => {
    world = new KeeperWorld();
    [a, b] = (await world.start(['a', 'b'])) as [KeeperNode, KeeperNode];
  });

  async function pulled(blocks: AsyncIterable<BulkBlock>): Promise<Uint8Array> {
    const parts: number[] = [];
    for await (const block of blocks) parts.push(...block.bytes);
    return Uint8Array.from(parts);
  }

  it('stages, commits and hands out a chunk', async () => {
    const staged = await world.until(a.ref.ask.stage({ chunk, from: offerBytes(world, bytes), token }));
    expect(staged).toMatchObject({ bytes: 4000, blocks: 4 });
    expect(a.store.list()).toEqual([]);
    const order = { staged: staged.staged, seal, token };
    expect(await world.until(a.ref.ask.commit(order))).toEqual({ bytes: 4000 });
    expect(a.store.find({ dataset, index: 0, hash: seal.blake3 })?.header).toMatchObject({
      token: 5,
      attempt: 1,
    });
    const offer = await world.until(a.ref.ask.offerChunk(keyOf(chunk, bytes)));
    expect(offer).toMatchObject({ bytes: 4000, blocks: 4, blockBytes: 1024 });
    const signal = new AbortController().signal;
    expectBytes(await world.until(pulled(b.bulk.pull(offer.from, 0, signal))), bytes);
    expect(await world.until(a.ref.ask.verifyChunk(keyOf(chunk, bytes)))).toEqual({ ok: true });
    expect(await world.until(a.ref.ask.space({}))).toMatchObject({ chunks: 1, totalBytes: 1e9 });
  });

  it('copies a chunk from the keeper that has it', async () => {
    await storeOn(world, a, chunk, bytes);
    const copy = { chunk, seal, fromNode: 'a', token };
    expect(await world.until(b.ref.ask.copy(copy))).toEqual({ bytes: 4000 });
    expectBytes(await readChunk(b.store, { dataset, index: 0, hash: hashOf(bytes) }), bytes);
    expect(world.plane.bytesBetween('a', 'b')).toBe(4000);
    await world.until(b.ref.ask.copy(copy));
    expect(world.plane.bytesBetween('a', 'b'), 'an equal chunk is not fetched again').toBe(4000);
  });
});
