import { describe, expect, it } from 'vitest';
import type { BulkBlock } from '../../src/ports/bulk.ts';
import { BulkWorld, drainAll, sourceOf } from './bulk-world.ts';

const forEver = new AbortController().signal;

/** A pull by `b` of `count` blocks that `a` offers, under way. */
function pulling(
  world: BulkWorld,
  count = 40,
): { readonly done: Promise<BulkBlock[]>; readonly ended: () => string } {
  const ticket = world.attach('a').offer(sourceOf(count));
  const done = drainAll(world.attach('b').pull(ticket, 0, forEver));
  let ended = 'no end';
  done.then(
    (blocks) => {
      ended = `${blocks.length} blocks`;
    },
    (error: unknown) => {
      ended = String((error as { readonly code: string }).code);
    },
  );
  return { done, ended: () => ended };
}

describe('the simulated bulk plane', () => {
  it('takes the delay of the road and counts bytes by direction', async () => {
    const world = new BulkWorld();
    const { ended } = pulling(world, 10);
    await world.advance(3);
    expect(ended()).toBe('no end');
    await world.advance(200);
    expect(ended()).toBe('10 blocks');
    expect(world.bulk.bytesBetween('a', 'b')).toBe(1000);
    expect(world.bulk.bytesBetween('b', 'a')).toBe(0);
  });

  it('goes on after a short cut, and gives up a silent peer after a long one (U2, U3)', async () => {
    const short = new BulkWorld();
    const first = pulling(short);
    await short.advance(20);
    short.cuts.add('a>b');
    await short.advance(4000);
    expect(first.ended()).toBe('no end');
    short.cuts.clear();
    await short.advance(1000);
    expect(first.ended()).toBe('40 blocks');
    expect(short.bulk.faults['bulk-stall']).toBeGreaterThan(0);

    const long = new BulkWorld();
    const second = pulling(long);
    await long.advance(20);
    long.cuts.add('a>b');
    await long.advance(12_000);
    expect(second.ended()).toBe('BULK_PEER_GONE');
  });

  it('gives up a peer that was killed, and waits for one that is frozen (U1)', async () => {
    const killed = new BulkWorld();
    const first = pulling(killed);
    await killed.advance(20);
    killed.processes.get('a')?.kill();
    await killed.advance(2000);
    expect(first.ended()).toBe('BULK_PEER_GONE');

    const frozen = new BulkWorld();
    const second = pulling(frozen);
    await frozen.advance(20);
    frozen.processes.get('a')?.freeze();
    await frozen.advance(5000);
    expect(second.ended()).toBe('no end');
    frozen.processes.get('a')?.thaw();
    await frozen.advance(1000);
    expect(second.ended()).toBe('40 blocks');
  });

  it('ends the source when the reader’s process is killed', async () => {
    const world = new BulkWorld();
    let signal: AbortSignal | undefined;
    const ticket = world.attach('a').offer({
      blocks: (fromBlock, given) => {
        signal = given;
        return sourceOf(1000).blocks(fromBlock, given);
      },
    });
    const blocks = world.attach('b').pull(ticket, 0, forEver)[Symbol.asyncIterator]();
    const first = blocks.next();
    await world.advance(20);
    expect((await first).value?.index).toBe(0);
    world.processes.get('b')?.kill();
    await world.advance(3000);
    expect(signal?.aborted).toBe(true);
  });

  it('tells nothing to a killed reader', async () => {
    const world = new BulkWorld();
    const { ended } = pulling(world);
    await world.advance(5);
    world.processes.get('b')?.kill();
    await world.advance(20_000);
    expect(ended()).toBe('no end');
  });

  it('changes one bit of a copy, and resets connections, as it is told', async () => {
    const world = new BulkWorld();
    world.bulk.trouble.flip = 1;
    const { done } = pulling(world, 3);
    await world.advance(1000);
    for (const { index, bytes } of await done) {
      const changed = [...bytes].filter((byte) => byte !== index);
      expect(changed).toHaveLength(1);
      expect(Math.log2((changed[0] as number) ^ index) % 1).toBe(0);
    }
    expect(world.bulk.faults['bulk-flip']).toBe(3);

    const broken = new BulkWorld();
    broken.bulk.trouble.reset = 1;
    const reset = pulling(broken);
    await broken.advance(1000);
    expect(reset.ended()).toBe('BULK_PEER_GONE');
    expect(broken.bulk.faults['bulk-reset']).toBe(1);
  });

  it('refuses a second attachment of a node that lives', () => {
    const world = new BulkWorld();
    world.attach('a');
    expect(() => world.attach('a')).toThrow(/INVALID_DEFINITION/);
    world.processes.get('a')?.kill();
    expect(() => world.attach('a')).not.toThrow();
  });
});
