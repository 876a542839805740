import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BlockBroadcast } from '../../../src/actors/pipeline/block-broadcast.ts';
import type { BulkBlock } from '../../../src/ports/bulk.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import { blocksFrom, content } from './chunk-store-fixture.ts';

const forEver = new AbortController().signal;
const blocks = blocksFrom(content(20 * 1024));

function nextPass(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'none';
  } catch (thrown) {
    return LoomError.from(thrown).code;
  }
}

async function pushAll(
  broadcast: BlockBroadcast,
  given: readonly BulkBlock[],
  signal?: AbortSignal,
): Promise<void> {
  for (const block of given) await broadcast.push(block, signal);
  broadcast.finish();
}

async function pullAll(broadcast: BlockBroadcast, from = 0, signal = forEver): Promise<BulkBlock[]> {
  const got: BulkBlock[] = [];
  for await (const block of broadcast.blocks(from, signal)) got.push(block);
  return got;
}

describe('a block broadcast', () => {
  it('N1: gives all blocks in order to all pullers and never holds more than its window', async () => {
    const step = fc.record({ lateBy: fc.nat(6), pauses: fc.array(fc.nat(3), { maxLength: 25 }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 6 }),
        fc.nat(20),
        async (pullers, window, count) => {
          const broadcast = new BlockBroadcast({ pullers: pullers.length, window });
          const given = blocks.slice(0, count);
          let most = 0;
          const pulls = pullers.map(async ({ lateBy, pauses }) => {
            for (let i = 0; i < lateBy; i++) await nextPass();
            const got: BulkBlock[] = [];
            for await (const block of broadcast.blocks(0, forEver)) {
              got.push(block);
              most = Math.max(most, broadcast.heldCount);
              for (let i = 0; i < (pauses[got.length] ?? 0); i++) await nextPass();
            }
            return got;
          });
          const push = (async () => {
            for (const block of given) {
              await broadcast.push(block);
              most = Math.max(most, broadcast.heldCount);
            }
            broadcast.finish();
          })();
          const results = await Promise.all(pulls);
          await push;
          for (const got of results) {
            expect(got).toHaveLength(given.length);
            for (const [i, block] of got.entries()) expect(block).toBe(given[i]);
          }
          expect(most).toBeLessThanOrEqual(window);
          expect(broadcast.heldCount).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('N1: waits for a puller that has not come, and gives it block 0', async () => {
    const broadcast = new BlockBroadcast({ pullers: 2, window: 2 });
    const pushing = pushAll(broadcast, blocks);
    const first = pullAll(broadcast);
    await nextPass();
    expect(broadcast.heldCount).toBe(2);
    const second = await pullAll(broadcast);
    expect(second[0]).toBe(blocks[0]);
    expect(await first).toHaveLength(blocks.length);
    await pushing;
  });

  it('lets a late one begin inside the window, and refuses what is no longer held', async () => {
    const broadcast = new BlockBroadcast({ pullers: 2, window: 2, dropPuller: true });
    const pushing = pushAll(broadcast, blocks.slice(0, 6));
    const first = broadcast.blocks(0, forEver);
    const second = broadcast.blocks(0, forEver);
    for (let i = 0; i < 3; i++) await Promise.all([first.next(), second.next()]);
    await second.return(undefined);
    expect(await codeOf(pullAll(broadcast, 0))).toBe('BULK_TICKET_UNKNOWN');
    for (let step = await first.next(); step.done !== true; step = await first.next());
    await pushing;
  });

  it('refuses more pullers than it was made for', async () => {
    const broadcast = new BlockBroadcast({ pullers: 1 });
    const first = broadcast.blocks(0, forEver);
    await broadcast.push(blocks[0] as BulkBlock);
    await first.next();
    expect(await codeOf(pullAll(broadcast))).toBe('BULK_TICKET_UNKNOWN');
  });

  it('N2: fails everybody when a puller leaves', async () => {
    const broadcast = new BlockBroadcast({ pullers: 2, window: 2 });
    const pushing = codeOf(pushAll(broadcast, blocks));
    const first = codeOf(pullAll(broadcast));
    const second = broadcast.blocks(0, forEver);
    await second.next();
    await second.return(undefined);
    expect([await pushing, await first]).toEqual(['BULK_PEER_GONE', 'BULK_PEER_GONE']);
    expect(broadcast.heldCount).toBe(0);
  });

  it('N2: goes on without a puller that left when it may, and ends with the last one', async () => {
    const broadcast = new BlockBroadcast({ pullers: 2, window: 2, dropPuller: true });
    const pushing = pushAll(broadcast, blocks);
    const first = pullAll(broadcast);
    const second = broadcast.blocks(0, forEver);
    await second.next();
    await second.return(undefined);
    expect(await first).toHaveLength(blocks.length);
    await pushing;

    const alone = new BlockBroadcast({ pullers: 1, window: 2, dropPuller: true });
    const pushed = codeOf(pushAll(alone, blocks));
    const only = alone.blocks(0, forEver);
    await only.next();
    await only.return(undefined);
    expect(await pushed).toBe('BULK_PEER_GONE');
  });

  it('N2: does not mind a puller that leaves with all it wanted', async () => {
    const broadcast = new BlockBroadcast({ pullers: 2 });
    const one = broadcast.blocks(0, forEver);
    await broadcast.push(blocks[0] as BulkBlock);
    broadcast.finish();
    await one.next();
    await one.return(undefined);
    expect(await pullAll(broadcast)).toHaveLength(1);
  });

  it('N2: fails pullers and pushes with the error it is given, the first one', async () => {
    const broadcast = new BlockBroadcast({ pullers: 2, window: 1 });
    const pushing = codeOf(pushAll(broadcast, blocks));
    const pulling = codeOf(pullAll(broadcast));
    await nextPass();
    broadcast.fail(new LoomError('SOURCE_CHANGED', 'it grew'));
    broadcast.fail(new LoomError('INTERNAL', 'later'));
    expect([await pushing, await pulling]).toEqual(['SOURCE_CHANGED', 'SOURCE_CHANGED']);
    expect(await codeOf(pullAll(broadcast))).toBe('SOURCE_CHANGED');
    expect(await codeOf(broadcast.push(blocks[0] as BulkBlock))).toBe('SOURCE_CHANGED');
    broadcast.finish();
  });

  it('N3: ends a push, and with it the broadcast, when its signal is aborted', async () => {
    const broadcast = new BlockBroadcast({ pullers: 2, window: 2 });
    const abort = new AbortController();
    const pushing = codeOf(pushAll(broadcast, blocks, abort.signal));
    const pulling = codeOf(pullAll(broadcast));
    await nextPass();
    abort.abort();
    expect([await pushing, await pulling]).toEqual(['CANCELLED', 'CANCELLED']);
    expect(broadcast.heldCount).toBe(0);
    expect(await codeOf(new BlockBroadcast({ pullers: 1 }).push(blocks[0] as BulkBlock, abort.signal))).toBe(
      'CANCELLED',
    );
  });

  it('N3: ends a pull when its own signal is aborted', async () => {
    const broadcast = new BlockBroadcast({ pullers: 1 });
    const abort = new AbortController();
    const pulling = codeOf(pullAll(broadcast, 0, abort.signal));
    await nextPass();
    abort.abort();
    expect(await pulling).toBe('CANCELLED');
    expect(await codeOf(broadcast.push(blocks[0] as BulkBlock))).toBe('BULK_PEER_GONE');
  });

  it('holds nothing when nobody will pull', async () => {
    const broadcast = new BlockBroadcast({ pullers: 0, window: 1 });
    await pushAll(broadcast, blocks);
    expect(broadcast.heldCount).toBe(0);
  });

  it('refuses blocks out of order, after the end, or two at a time', async () => {
    const broadcast = new BlockBroadcast({ pullers: 1, window: 1 });
    expect(await codeOf(broadcast.push(blocks[1] as BulkBlock))).toBe('INTERNAL');
    await broadcast.push(blocks[0] as BulkBlock);
    const second = broadcast.push(blocks[1] as BulkBlock);
    expect(await codeOf(broadcast.push(blocks[2] as BulkBlock))).toBe('INTERNAL');
    const pulling = pullAll(broadcast);
    await second;
    broadcast.finish();
    expect(await pulling).toHaveLength(2);
    expect(await codeOf(broadcast.push(blocks[2] as BulkBlock))).toBe('INTERNAL');
  });
});
