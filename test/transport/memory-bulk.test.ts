import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { BulkBlock, BulkSource } from '../../src/ports/bulk.ts';
import { MemoryBulkPlane } from '../../src/transport/memory/memory-bulk-plane.ts';

const signal = new AbortController().signal;

function sourceOf(...sizes: number[]): BulkSource {
  return {
    async *blocks(fromBlock) {
      for (const [index, size] of sizes.entries()) {
        if (index >= fromBlock) yield { index, bytes: new Uint8Array(size), crc32c: 0 };
      }
    },
  };
}

async function count(from: AsyncIterable<BulkBlock>): Promise<number> {
  let blocks = 0;
  for await (const _ of from) blocks++;
  return blocks;
}

describe('the memory bulk plane', () => {
  it('counts the bytes of each direction', async () => {
    const plane = new MemoryBulkPlane();
    const [a, b] = [plane.attach('a'), plane.attach('b')];
    const ticket = a.offer(sourceOf(10, 20, 5));
    await count(b.pull(ticket, 0, signal));
    await count(b.pull(ticket, 2, signal));
    await count(a.pull(ticket, 1, signal));
    expect(plane.bytesBetween('a', 'b')).toBe(40);
    expect(plane.bytesBetween('a', 'a')).toBe(25);
    expect(plane.bytesBetween('b', 'a')).toBe(0);
  });

  it('refuses a second attachment under one name until the first is closed', () => {
    const plane = new MemoryBulkPlane();
    const first = plane.attach('a');
    expect(() => plane.attach('a')).toThrow(/INVALID_DEFINITION/);
    first.close();
    plane.attach('a').close();
  });

  it('fails a pull whose source throws before it gives an iterator', async () => {
    const plane = new MemoryBulkPlane();
    const [a, b] = [plane.attach('a'), plane.attach('b')];
    const broken: BulkSource = {
      blocks() {
        throw new Error('broken');
      },
    };
    await expect(count(b.pull(a.offer(broken), 0, signal))).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('lets go of the reader’s signal when a pull has ended, however', async () => {
    const plane = new MemoryBulkPlane();
    const [a, b] = [plane.attach('a'), plane.attach('b')];
    const ticket = a.offer(sourceOf(1, 2));
    const own = new AbortController().signal;
    await count(b.pull(ticket, 0, own));
    for await (const _ of b.pull(ticket, 0, own)) break;
    const revoked = b.pull(ticket, 0, own)[Symbol.asyncIterator]();
    await revoked.next();
    expect(getEventListeners(own, 'abort')).toHaveLength(1);
    a.revoke(ticket.ticket);
    await expect(revoked.next()).rejects.toMatchObject({ code: 'BULK_TICKET_UNKNOWN' });
    expect(getEventListeners(own, 'abort')).toHaveLength(0);
  });

  it('gives one block at a time to one reader', async () => {
    const plane = new MemoryBulkPlane();
    const [a, b] = [plane.attach('a'), plane.attach('b')];
    const iterator = b.pull(a.offer(sourceOf(1, 2)), 0, signal)[Symbol.asyncIterator]();
    const first = iterator.next();
    await expect(iterator.next()).rejects.toMatchObject({ code: 'INTERNAL' });
    expect((await first).value).toMatchObject({ index: 0 });
  });
});
