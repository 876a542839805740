import { beforeEach, describe, expect, it } from 'vitest';
import type { BulkTicket } from '../../../src/ports/bulk.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import { blocksFrom, content, expectBytes, readChunk } from './chunk-store-fixture.ts';
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
const older = { coordinator: 4, attempt: 9 };
const newer = { coordinator: 6, attempt: 1 };

let world: KeeperWorld;
let a: KeeperNode;
let b: KeeperNode;

beforeEach(async () => {
  world = new KeeperWorld();
  [a, b] = (await world.start(['a', 'b'])) as [KeeperNode, KeeperNode];
});

function stage(as = token, from: BulkTicket = offerBytes(world, bytes)): Promise<{ staged: string }> {
  return world.until(a.ref.ask.stage({ chunk, from, token: as }));
}

describe('the fences of a storage keeper', () => {
  it('refuse an older coordinator, and let tries of one overlap', async () => {
    const [first, second] = [await stage(), await stage({ coordinator: 5, attempt: 2 })];
    await storeOn(world, a, identity({ index: 1 }), bytes, { coordinator: 5, attempt: 3 });
    await world.until(a.ref.ask.commit({ ...second, seal, token: { coordinator: 5, attempt: 2 } }));
    await world.until(a.ref.ask.commit({ ...first, seal, token }));
    expect(await world.codeOf(stage(older))).toBe('FENCED');
    expect(await world.codeOf(a.ref.ask.copy({ chunk, seal, fromNode: 'b', token: older }))).toBe('FENCED');
    await storeOn(world, a, identity({ dataset: 'other' }), bytes, older);
  });

  it('refuse the commit of what was staged before a newer coordinator came', async () => {
    const before = await stage();
    await stage(newer);
    expect(await world.codeOf(a.ref.ask.commit({ ...before, seal, token }))).toBe('FENCED');
    expect(await a.parts()).toBe(1);
  });

  it('refuse a commit when a newer coordinator comes while its own fence is made durable', async () => {
    const before = await stage();
    const committing = a.ref.ask.commit({ ...before, seal, token });
    const staging = a.ref.ask.stage({ chunk, from: offerBytes(world, bytes), token: newer });
    expect(await world.codeOf(committing)).toBe('FENCED');
    expect(a.store.list()).toEqual([]);
    await world.until(staging);
  });

  it('refuse a transfer that was under way when a newer coordinator came', async () => {
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    const slow = world.source.offer(sourceOf(blocksFrom(bytes), () => gate));
    const staging = a.ref.ask.stage({ chunk, from: slow, token });
    staging.catch(() => undefined);
    await world.run();
    await stage(newer);
    go();
    expect(await world.codeOf(staging)).toBe('FENCED');
    expect(await a.parts()).toBe(1);
  });

  it.each([false, true])('stand after a restart (with power lost: %s)', async (power) => {
    await storeOn(world, a, chunk, bytes, newer);
    await a.crash(power);
    expect(await world.codeOf(stage())).toBe('FENCED');
    await storeOn(world, a, identity({ index: 1 }), bytes, newer);
  });

  it('stand after a restart for chunks that were forgotten meanwhile', async () => {
    await storeOn(world, a, chunk, bytes, newer);
    await world.until(a.ref.ask.forgetDataset({ dataset }));
    await a.crash(true);
    expect(a.store.list()).toEqual([]);
    expect(await world.codeOf(stage(newer))).toBe('FENCED');
    await storeOn(world, a, chunk, bytes, { coordinator: 7, attempt: 1 });
  });

  it('are read from the chunks’ headers when their journal is gone', async () => {
    await storeOn(world, a, chunk, bytes, newer);
    a.end(true);
    await a.disk.mount().removeTree('/data/fences');
    await a.start();
    await world.run();
    expect(await world.codeOf(stage())).toBe('FENCED');
  });

  it('are durable before a commit is acknowledged, wherever the power goes', async () => {
    for (let calls = 1; calls < 40; calls++) {
      const node = (await world.start([`n${calls}`]))[0] as KeeperNode;
      const { staged } = await world.until(
        node.ref.ask.stage({ chunk, from: offerBytes(world, bytes), token: newer }),
      );
      node.disk.faults.failNth(calls);
      const code = await world.codeOf(node.ref.ask.commit({ staged, seal, token: newer }));
      node.disk.faults.calm();
      await node.crash(true);
      const kept = node.store.has(storeKey);
      if (code === 'none') {
        expect(kept).toBe(true);
        expect(node.fences.seen(dataset)).toBe(6);
        const order = { chunk, from: offerBytes(world, bytes), token };
        expect(await world.codeOf(node.ref.ask.stage(order))).toBe('FENCED');
      }
      if (kept) expectBytes(await readChunk(node.store, storeKey), bytes);
      expect(await node.parts()).toBe(0);
      node.end();
    }
  });
});

describe('a storage keeper that starts again', () => {
  it('keeps what was committed and drops what was staged', async () => {
    await storeOn(world, a, chunk, bytes);
    const { staged } = await stage({ coordinator: 5, attempt: 2 });
    await a.crash();
    expect(await a.parts()).toBe(0);
    const order = { staged, seal, token: { coordinator: 5, attempt: 2 } };
    expect(await world.codeOf(a.ref.ask.commit(order))).toBe('NO_SUCH_STAGE');
    expect(await world.until(a.ref.ask.verifyChunk(key))).toEqual({ ok: true });
    await world.until(b.ref.ask.copy({ chunk, seal, fromNode: 'a', token }));
  });

  it('S3: leaves nothing staged behind when it is stopped', async () => {
    await stage();
    await world.until(a.system.stop(a.ref));
    expect(await a.parts()).toBe(0);
  });

  it('S3: has removed what was staged when a stop resolves', async () => {
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    await a.dressed({
      begin: async (...given) => {
        const writer = await a.store.begin(...given);
        const abort = (): Promise<void> => gate.then(() => writer.abort());
        return { append: (block) => writer.append(block), commit: (sealed) => writer.commit(sealed), abort };
      },
    });
    await stage();
    let stopped = false;
    const stopping = a.system.stop(a.ref).then(() => {
      stopped = true;
    });
    await world.run(1000);
    expect(stopped).toBe(false);
    go();
    await world.until(stopping);
    expect(await a.parts()).toBe(0);
  });

  it('S1: ends its pulls by their signal at a kill, on a plane that knows no other way', async () => {
    const signals: AbortSignal[] = [];
    await world.until(a.system.stop(a.ref));
    const { bulk } = a;
    a.bulk = {
      offer: (source) => bulk.offer(source),
      revoke: (ticket) => bulk.revoke(ticket),
      close: () => bulk.close(),
      pull: (_ticket, _fromBlock, signal) => {
        signals.push(signal);
        const next = (): Promise<never> => new Promise(() => undefined);
        return { [Symbol.asyncIterator]: () => ({ next }) };
      },
    };
    a.spawn();
    await world.run();
    a.ref.ask.stage({ chunk, from: offerBytes(world, bytes), token }).catch(() => undefined);
    await world.run();
    a.system.kill(a.ref);
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  it.each(['kill', 'stop'] as const)('S3: ends transfers and offers at a %s', async (how) => {
    await storeOn(world, a, chunk, bytes);
    const { from } = await world.until(a.ref.ask.offerChunk(key));
    const stalled = world.source.offer(sourceOf(blocksFrom(bytes), (_, signal) => stall(signal)));
    const staging = a.ref.ask.stage({ chunk: identity({ index: 1 }), from: stalled, token });
    staging.catch(() => undefined);
    await stage({ coordinator: 5, attempt: 2 });
    if (how === 'kill') a.system.kill(a.ref);
    else await world.until(a.system.stop(a.ref));
    expect(await world.codeOf(staging)).toBe('UNKNOWN_OUTCOME');
    await world.run();
    expect(await a.parts()).toBe(0);
    const pull = b.bulk.pull(from, 0, new AbortController().signal)[Symbol.asyncIterator]();
    expect(await world.codeOf(pull.next())).toBe('BULK_TICKET_UNKNOWN');
    a.spawn();
    await world.run();
    await storeOn(world, a, identity({ index: 1 }), bytes);
  });

  it('restarts after a mistake of its own: stored chunks stay, staged ones go', async () => {
    await a.dressed({
      begin: async (...given) => {
        const writer = await a.store.begin(...given);
        return {
          append: (block) => writer.append(block),
          commit: (sealed) => writer.commit(sealed),
          abort: async () => {
            await writer.abort();
            if (given[0].index === 2) throw new TypeError('a mistake');
          },
        };
      },
    });
    await storeOn(world, a, chunk, bytes);
    const { staged: kept } = await stage({ coordinator: 5, attempt: 2 });
    const order = { chunk: identity({ index: 2 }), from: offerBytes(world, bytes), token };
    const { staged } = await world.until(a.ref.ask.stage(order));
    a.ref.tell.discard({ staged });
    await world.run(1000);
    expect(await a.parts()).toBe(0);
    const commit = { staged: kept, seal, token: { coordinator: 5, attempt: 2 } };
    expect(await world.codeOf(a.ref.ask.commit(commit))).toBe('NO_SUCH_STAGE');
    expect(await world.until(a.ref.ask.verifyChunk(key))).toEqual({ ok: true });
  });

  it('loses no acknowledged chunk when it is killed between stage and commit, or in a commit', async () => {
    const { staged } = await stage();
    const committing = a.ref.ask.commit({ staged, seal, token });
    committing.catch(() => undefined);
    a.end(true);
    const code = await world.codeOf(committing);
    await a.start();
    await world.run();
    if (code === 'none') expect(a.store.has(storeKey)).toBe(true);
    expect(await a.parts()).toBe(0);
    await storeOn(world, a, chunk, bytes);
    expect(await world.until(a.ref.ask.verifyChunk(key))).toEqual({ ok: true });
  });
});

describe('a storage keeper on a full or failing disk', () => {
  it('refuses before it fetches, serves reads, and recovers alone', async () => {
    await storeOn(world, a, chunk, bytes);
    a.disk.capacityBytes = a.disk.usedBytes + 3000;
    const before = world.plane.bytesBetween('source', 'a');
    const order = { chunk: identity({ index: 1 }), from: offerBytes(world, bytes), token };
    expect(await world.codeOf(a.ref.ask.stage(order))).toBe('DISK_FULL');
    const object = { from: offerBytes(world, bytes), blake3: seal.blake3, bytes: 4000, owner: 'job-1' };
    expect(await world.codeOf(a.ref.ask.keepObject(object))).toBe('DISK_FULL');
    expect(world.plane.bytesBetween('source', 'a')).toBe(before);
    await world.until(b.ref.ask.copy({ chunk, seal, fromNode: 'a', token }));
    a.disk.capacityBytes = 1e9;
    await storeOn(world, a, identity({ index: 1 }), bytes);
    await world.until(a.ref.ask.keepObject(object));
  });

  it('leaves nothing when the disk fills while it fetches', async () => {
    const filling = world.source.offer(
      sourceOf(blocksFrom(bytes), (index) => {
        if (index === 1) a.disk.capacityBytes = a.disk.usedBytes + 100;
        return Promise.resolve();
      }),
    );
    expect(await world.codeOf(stage(token, filling))).toBe('DISK_FULL');
    a.disk.capacityBytes = 1e9;
    await world.run();
    expect(await a.parts()).toBe(0);
    await storeOn(world, a, chunk, bytes);
  });

  it('fails a commit for whose fence there is no room, and takes the next once there is', async () => {
    await storeOn(world, a, identity({ index: 1 }), bytes);
    const { staged } = await stage(newer);
    a.disk.capacityBytes = a.disk.usedBytes;
    expect(await world.codeOf(a.ref.ask.commit({ staged, seal, token: newer }))).toBe('DISK_FULL');
    const again = a.ref.ask.commit({ staged, seal, token: newer });
    expect(await world.codeOf(again)).toBe('NO_SUCH_STAGE');
    expect(await a.parts()).toBe(0);
    a.disk.capacityBytes = 1e9;
    await storeOn(world, a, chunk, bytes, newer);
    await a.crash(true);
    expect(a.fences.seen(dataset)).toBe(6);
    expect(a.store.list()).toHaveLength(2);
  });

  it('tells once that a sync failed, refuses writes from then on, and serves reads', async () => {
    await storeOn(world, a, chunk, bytes);
    const { staged } = await stage({ coordinator: 5, attempt: 2 });
    const { staged: second } = await world.until(
      a.ref.ask.stage({ chunk: identity({ index: 1 }), from: offerBytes(world, bytes), token }),
    );
    a.disk.faults.failSync();
    expect(await world.codeOf(a.ref.ask.commit({ staged: second, seal, token }))).toBe('STORE_STOPPED');
    a.ref.tell.discard({ staged });
    expect(await world.codeOf(stage())).toBe('STORE_STOPPED');
    expect(a.stops).toHaveLength(1);
    expect(a.stops[0]).toBeInstanceOf(LoomError);
    await world.until(b.ref.ask.copy({ chunk, seal, fromNode: 'a', token }));
    await a.crash();
    await storeOn(world, a, identity({ index: 1 }), bytes);
  });

  it('stops when the sync of a fence fails', async () => {
    const { staged } = await stage(newer);
    a.disk.faults.failSync();
    expect(await world.codeOf(a.ref.ask.commit({ staged, seal, token: newer }))).toBe('STORE_STOPPED');
    expect(a.store.list()).toEqual([]);
    const other = await stage(newer);
    expect(await world.codeOf(a.ref.ask.commit({ ...other, seal, token: newer }))).toBe('STORE_STOPPED');
    expect(a.stops).toHaveLength(1);
  });
});
