import { beforeEach, describe, expect, it } from 'vitest';
import type { BulkBlock, BulkTicket } from '../../../src/ports/bulk.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import { blocksFrom, content, expectBytes, hashOf, readChunk } from './chunk-store-fixture.ts';
import {
  dataset,
  identity,
  type KeeperNode,
  KeeperWorld,
  keyOf,
  offerBytes,
  sealOf,
  sourceOf,
  stall,
  storeOn,
  token,
} from './keeper-fixture.ts';

const bytes = content(4000);
const chunk = identity();
const seal = sealOf(bytes);
const key = keyOf(chunk, bytes);
const storeKey = { dataset, index: 0, hash: seal.blake3 };
const forEver = new AbortController().signal;

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

  function stage(from: BulkTicket = offerBytes(world, bytes), on = a): Promise<{ staged: string }> {
    return world.until(on.ref.ask.stage({ chunk, from, token }));
  }

  /** A source that gives two blocks and then nothing until its signal is aborted. */
  function stalling(): BulkTicket {
    return world.source.offer(
      sourceOf(blocksFrom(bytes), (index, signal) => (index < 2 ? Promise.resolve() : stall(signal))),
    );
  }

  it('stages, commits and hands out a chunk', async () => {
    const staged = await stage();
    expect(staged).toMatchObject({ bytes: 4000, blocks: 4 });
    expect(a.store.list()).toEqual([]);
    const order = { staged: staged.staged, seal, token };
    expect(await world.until(a.ref.ask.commit(order))).toEqual({ bytes: 4000 });
    expect(a.store.find(storeKey)?.header).toMatchObject({ token: 5, attempt: 1, count: 3 });
    const offer = await world.until(a.ref.ask.offerChunk(key));
    expect(offer).toMatchObject({ bytes: 4000, blocks: 4, blockBytes: 1024 });
    expectBytes(await world.until(pulled(b.bulk.pull(offer.from, 0, forEver))), bytes);
    expect(await world.until(a.ref.ask.verifyChunk(key))).toEqual({ ok: true });
    expect(await world.until(a.ref.ask.space({}))).toMatchObject({ chunks: 1, totalBytes: 1e9 });
    expect(await a.parts()).toBe(0);
  });

  it('copies a chunk from the keeper that has it', async () => {
    await storeOn(world, a, chunk, bytes);
    const copy = { chunk, seal, fromNode: 'a', token };
    expect(await world.until(b.ref.ask.copy(copy))).toEqual({ bytes: 4000 });
    expectBytes(await readChunk(b.store, storeKey), bytes);
    expect(world.plane.bytesBetween('a', 'b')).toBe(4000);
    await world.until(b.ref.ask.copy(copy));
    expect(world.plane.bytesBetween('a', 'b'), 'an equal chunk is not fetched again').toBe(4000);
  });

  it('copies from itself what it has, and fails for what nobody has', async () => {
    const copy = { chunk, seal, fromNode: 'b', token };
    expect(await world.codeOf(a.ref.ask.copy(copy))).toBe('NO_SUCH_CHUNK');
    expect(await world.codeOf(a.ref.ask.copy({ ...copy, fromNode: 'a' }))).toBe('NO_SUCH_CHUNK');
    expect(await world.codeOf(a.ref.ask.offerChunk(key))).toBe('NO_SUCH_CHUNK');
    expect(await world.until(a.ref.ask.verifyChunk(key))).toMatchObject({ ok: false });
  });

  it('S1: serves others while it stages from a source that stalls', async () => {
    await storeOn(world, a, chunk, bytes);
    const staging = a.ref.ask.stage({ chunk: identity({ index: 1 }), from: stalling(), token });
    staging.catch(() => undefined);
    await world.run();
    expect(await world.until(a.ref.ask.verifyChunk(key))).toEqual({ ok: true });
    expect(await a.parts()).toBe(1);
    expect(await world.codeOf(staging)).toBe('DEADLINE_EXCEEDED');
    await world.run(1000);
    expect(await a.parts()).toBe(0);
  });

  it('S1: ends a transfer whose caller cancels, in the middle of a block', async () => {
    const abort = new AbortController();
    const from = stalling();
    const staging = a.ref.ask.stage({ chunk, from, token }, { signal: abort.signal });
    staging.catch(() => undefined);
    await world.run(100);
    expect(await a.parts()).toBe(1);
    abort.abort();
    expect(await world.codeOf(staging)).toBe('CANCELLED');
    await world.run(1000);
    expect(await a.parts()).toBe(0);
  });

  it('S3: keeps nothing staged for a caller that gave up just before the end', async () => {
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = world.source.offer(sourceOf(blocksFrom(bytes), () => gate));
    const abort = new AbortController();
    const staging = a.ref.ask.stage({ chunk, from: slow, token }, { signal: abort.signal });
    staging.catch(() => undefined);
    await world.run();
    abort.abort();
    go();
    expect(await world.codeOf(staging)).toBe('CANCELLED');
    await world.run();
    expect(await a.parts()).toBe(0);
  });

  it('S1: takes no more transfers than it may, and then again', async () => {
    const limited = new KeeperWorld();
    const [node] = (await limited.start(['n'], { transfers: 2 })) as [KeeperNode];
    const stalled = (): BulkTicket =>
      limited.source.offer(sourceOf(blocksFrom(bytes), (_, signal) => stall(signal)));
    const abort = new AbortController();
    const busy = [1, 2].map((index) =>
      node.ref.ask.stage({ chunk: identity({ index }), from: stalled(), token }, { signal: abort.signal }),
    );
    for (const each of busy) each.catch(() => undefined);
    await limited.run();
    const order = { chunk, from: offerBytes(limited, bytes), token };
    expect(await limited.codeOf(node.ref.ask.stage(order))).toBe('KEEPER_BUSY');
    expect(await limited.codeOf(node.ref.ask.copy({ chunk, seal, fromNode: 'n', token }))).toBe(
      'KEEPER_BUSY',
    );
    abort.abort();
    await limited.run(1000);
    await limited.until(node.ref.ask.stage(order));
  });

  it('S3: takes no more staged chunks than it may', async () => {
    const limited = new KeeperWorld();
    const [node] = (await limited.start(['n'], { staged: 1 })) as [KeeperNode];
    const order = (index: number) => ({
      chunk: identity({ index }),
      from: offerBytes(limited, bytes),
      token,
    });
    const { staged } = await limited.until(node.ref.ask.stage(order(1)));
    expect(await limited.codeOf(node.ref.ask.stage(order(2)))).toBe('KEEPER_BUSY');
    expect(await node.parts()).toBe(1);
    node.ref.tell.discard({ staged });
    await limited.run();
    expect(await node.parts()).toBe(0);
    await limited.until(node.ref.ask.stage(order(3)));
  });

  it('S3: discards on demand, and what nobody commits after a minute', async () => {
    const first = await stage();
    a.ref.tell.discard(first);
    a.ref.tell.discard({ staged: 'no such' });
    const second = await stage();
    expect(await a.parts()).toBe(1);
    await world.run(59_000);
    expect(await a.parts()).toBe(1);
    await world.run(2000);
    expect(await a.parts()).toBe(0);
    expect(await world.codeOf(a.ref.ask.commit({ ...first, seal, token }))).toBe('NO_SUCH_STAGE');
    expect(await world.codeOf(a.ref.ask.commit({ ...second, seal, token }))).toBe('NO_SUCH_STAGE');
  });

  it.each([
    ['length', { ...seal, storedBytes: 3999 }],
    ['number of blocks', { ...seal, blockCount: 5 }],
  ])('S3: commits nothing under a seal of another %s', async (_, wrong) => {
    const { staged } = await stage();
    expect(await world.codeOf(a.ref.ask.commit({ staged, seal: wrong, token }))).toBe('CHECKSUM_MISMATCH');
    expect([a.store.list().length, await a.parts()]).toEqual([0, 0]);
    expect(await world.codeOf(a.ref.ask.commit({ staged, seal, token }))).toBe('NO_SUCH_STAGE');
  });

  it('S3: commits nothing for another try', async () => {
    const { staged } = await stage();
    const other = { coordinator: 5, attempt: 2 };
    expect(await world.codeOf(a.ref.ask.commit({ staged, seal, token: other }))).toBe('NO_SUCH_STAGE');
    await world.until(a.ref.ask.commit({ staged, seal, token }));
  });

  it('S2: commits once, whoever asks again, and keeps an equal chunk as it is', async () => {
    const { staged } = await stage();
    const order = { staged, seal, token };
    const both = await world.until(Promise.all([a.ref.ask.commit(order), a.ref.ask.commit(order)]));
    expect(both).toEqual([{ bytes: 4000 }, { bytes: 4000 }]);
    expect(await world.until(a.ref.ask.commit(order))).toEqual({ bytes: 4000 });
    await storeOn(world, a, chunk, bytes, { coordinator: 5, attempt: 2 });
    expect(a.store.list()).toHaveLength(1);
    expect(a.store.find(storeKey)?.header.attempt).toBe(1);
    expect(await a.parts()).toBe(0);
  });

  it('S3: leaves nothing of a source that fails in the middle', async () => {
    const failing = world.source.offer(
      sourceOf(blocksFrom(bytes), (index) =>
        index < 2 ? Promise.resolve() : Promise.reject(new LoomError('SOURCE_CHANGED', 'it grew')),
      ),
    );
    expect(await world.codeOf(stage(failing))).toBe('SOURCE_CHANGED');
    expect(await world.codeOf(stage({ node: 'source', ticket: 'none' }))).toBe('BULK_TICKET_UNKNOWN');
    expect(await world.codeOf(stage({ node: 'nobody', ticket: 'none' }))).toBe('BULK_PEER_GONE');
    expect(await a.parts()).toBe(0);
  });

  it('S3: refuses a block that was changed on its way', async () => {
    const blocks = blocksFrom(bytes).map((block) => ({ ...block, bytes: block.bytes.slice() }));
    const third = blocks[2] as BulkBlock;
    third.bytes[5] = (third.bytes[5] as number) ^ 4;
    expect(await world.codeOf(stage(world.source.offer(sourceOf(blocks))))).toBe('CHECKSUM_MISMATCH');
    expect(await a.parts()).toBe(0);
  });

  it('finds a bit that flipped on the disk, and hands out nothing bad', async () => {
    await storeOn(world, a, chunk, bytes);
    const path = `/data/store/chunks/${dataset}/00000000-${seal.blake3.slice(0, 16)}.chunk`;
    a.disk.flipBit(path, (4096 + 2048) * 8);
    const copy = { chunk, seal, fromNode: 'a', token };
    expect(await world.codeOf(b.ref.ask.copy(copy))).toBe('CHECKSUM_MISMATCH');
    expect(b.store.list()).toEqual([]);
    expect(await world.until(a.ref.ask.verifyChunk(key))).toMatchObject({
      ok: false,
      reason: expect.stringMatching(/damaged.*block 2/) as string,
    });
    expect(await world.codeOf(a.ref.ask.offerChunk(key))).toBe('NO_SUCH_CHUNK');
    // What is stored anew takes its place.
    await storeOn(world, a, chunk, bytes);
    expect(await world.until(a.ref.ask.verifyChunk(key))).toEqual({ ok: true });
  });

  it('verifies a few chunks at once and cancels those that wait in vain', async () => {
    await storeOn(world, a, chunk, bytes);
    let now = 0;
    const most: number[] = [];
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    await a.dressed({
      verify: async (of) => {
        most.push(++now);
        await gate;
        const verdict = await a.store.verify(of);
        now--;
        return verdict;
      },
    });
    const abort = new AbortController();
    const asked = Array.from({ length: 20 }, (_, i) =>
      a.ref.ask.verifyChunk(key, i % 2 === 0 ? {} : { signal: abort.signal }),
    );
    for (const each of asked) each.catch(() => undefined);
    await world.run();
    abort.abort();
    go();
    const settled = await world.until(Promise.allSettled(asked));
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(10);
    await world.run();
    expect(Math.max(...most)).toBeLessThanOrEqual(4);
    expect(most.length, 'who gave up while it waited is not served').toBeLessThanOrEqual(12);
  });

  it('ends an offer that nobody pulls, and one that was pulled soon', async () => {
    await storeOn(world, a, chunk, bytes);
    const unused = await world.until(a.ref.ask.offerChunk(key));
    const used = await world.until(a.ref.ask.offerChunk(key));
    await world.until(pulled(b.bulk.pull(used.from, 0, forEver)));
    await world.run(500);
    expectBytes(await world.until(pulled(b.bulk.pull(used.from, 2, forEver))), bytes.subarray(2048));
    await world.run(2000);
    expect(await world.codeOf(pulled(b.bulk.pull(used.from, 0, forEver)))).toBe('BULK_TICKET_UNKNOWN');
    await world.run(60_000);
    expect(await world.codeOf(pulled(b.bulk.pull(unused.from, 0, forEver)))).toBe('BULK_TICKET_UNKNOWN');
  });

  it('ends no offer while it is pulled, however slowly', async () => {
    await storeOn(world, a, chunk, bytes);
    const { from } = await world.until(a.ref.ask.offerChunk(key));
    const pull = b.bulk.pull(from, 0, forEver)[Symbol.asyncIterator]();
    for (let index = 0; index < 4; index++) {
      expect((await world.until(pull.next())).value).toMatchObject({ index });
      await world.run(61_000);
    }
    expect(await world.until(pull.next())).toMatchObject({ done: true });
  });

  it('makes no more offers than it may', async () => {
    const limited = new KeeperWorld();
    const [node] = (await limited.start(['n'], { offers: 2 })) as [KeeperNode];
    await storeOn(limited, node, chunk, bytes);
    await limited.until(node.ref.ask.offerChunk(key));
    await limited.until(node.ref.ask.offerChunk(key));
    expect(await limited.codeOf(node.ref.ask.offerChunk(key))).toBe('KEEPER_BUSY');
    await limited.run(61_000);
    await limited.until(node.ref.ask.offerChunk(key));
  });

  it('keeps objects under their hash, adds owners, and refuses other bytes', async () => {
    const object = content(5000, 9);
    const blake3 = hashOf(object);
    const keep = (owner: string, from = offerBytes(world, object)) =>
      a.ref.ask.keepObject({ from, blake3, bytes: 5000, owner });
    expect(await world.codeOf(keep('job-1', offerBytes(world, content(5000, 10))))).toBe('CHECKSUM_MISMATCH');
    expect(await world.codeOf(keep('job-1', offerBytes(world, content(4000, 9))))).toBe('CHECKSUM_MISMATCH');
    expect(await world.codeOf(keep('job-1', offerBytes(world, content(6000, 9))))).toBe('CHECKSUM_MISMATCH');
    await world.until(keep('job-1'));
    await world.until(keep('job-2', { node: 'source', ticket: 'not needed any more' }));
    expect(a.store.objects()).toMatchObject([{ hash: blake3, owners: ['job-1', 'job-2'] }]);
    const offer = await world.until(a.ref.ask.offerObject({ blake3 }));
    expect(offer.bytes).toBe(5000);
    expectBytes(await world.until(pulled(b.bulk.pull(offer.from, 0, forEver))), object);
    expect(await world.codeOf(a.ref.ask.offerObject({ blake3: hashOf(bytes) }))).toBe('NO_SUCH_CHUNK');
  });

  it('bounds the bytes of objects that it fetches at once', async () => {
    const limited = new KeeperWorld();
    const [node] = (await limited.start(['n'], { objectBytes: 6000 })) as [KeeperNode];
    const stalled = limited.source.offer(sourceOf(blocksFrom(bytes), (_, signal) => stall(signal)));
    const order = { blake3: hashOf(bytes), bytes: 4000, owner: 'job-1' };
    node.ref.ask.keepObject({ ...order, from: stalled }).catch(() => undefined);
    await limited.run();
    const from = offerBytes(limited, bytes);
    expect(await limited.codeOf(node.ref.ask.keepObject({ ...order, from }))).toBe('KEEPER_BUSY');
    await limited.run(31_000);
    await limited.until(node.ref.ask.keepObject({ ...order, from }));
  });

  it('forgets a data set only after a commit of it that is under way has ended', async () => {
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    await a.dressed({
      begin: async (...given) => {
        const writer = await a.store.begin(...given);
        return {
          append: (block) => writer.append(block),
          commit: (sealed) => gate.then(() => writer.commit(sealed)),
          abort: () => writer.abort(),
        };
      },
    });
    const { staged } = await stage();
    const committing = a.ref.ask.commit({ staged, seal, token });
    await world.run();
    const forgetting = a.ref.ask.forgetDataset({ dataset });
    await world.run();
    go();
    await world.until(Promise.allSettled([committing, forgetting]));
    expect(a.store.list()).toEqual([]);
    expect(await world.until(forgetting)).toEqual({ chunks: 1 });
  });

  it('forgets a data set with all that is on its way, and lets nothing of it back', async () => {
    await storeOn(world, a, chunk, bytes);
    await storeOn(world, a, identity({ dataset: 'other' }), bytes);
    const from = offerBytes(world, bytes);
    const order = { from, blake3: hashOf(bytes), bytes: 4000, owner: dataset };
    await world.until(a.ref.ask.keepObject(order));
    const { staged } = await stage();
    const running = a.ref.ask.stage({ chunk: identity({ index: 2 }), from: stalling(), token });
    running.catch(() => undefined);
    await world.run();
    expect(await world.until(a.ref.ask.forgetDataset({ dataset }))).toEqual({ chunks: 1 });
    expect(await world.codeOf(running)).toBe('CANCELLED');
    expect(await world.codeOf(a.ref.ask.commit({ staged, seal, token }))).toBe('NO_SUCH_STAGE');
    expect(await world.codeOf(stage())).toBe('FENCED');
    expect([a.store.list().length, a.store.objects().length, await a.parts()]).toEqual([1, 0, 0]);
    await storeOn(world, a, chunk, bytes, { coordinator: 6, attempt: 1 });
    expect(await world.until(a.ref.ask.forgetDataset({ dataset: 'never-seen' }))).toEqual({ chunks: 0 });
  });
});
