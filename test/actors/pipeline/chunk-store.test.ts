import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chunkLimits, sameHeader } from '../../../src/actors/pipeline/chunk-header.ts';
import { nodeDisk } from '../../../src/adapters/disk/node-disk.ts';
import {
  blockBytes,
  blocksFrom,
  content,
  expectBytes,
  hashOf,
  identity,
  openStore,
  readChunk,
  root,
  simulatedDisk,
  store,
} from './chunk-store-fixture.ts';

describe('storing and reading', () => {
  it.each([0, 1, blockBytes - 1, blockBytes, blockBytes + 1, 4000, 40_000])(
    'gives back %i bytes',
    async (bytes) => {
      const disk = simulatedDisk().mount();
      const first = await openStore(disk);
      const whole = content(bytes);
      const stored = await store(first, identity(), whole);
      expect(stored.key).toEqual({ dataset: 'weather-2026', index: 3, hash: hashOf(whole) });
      for (const each of [first, await openStore(disk)]) {
        expectBytes(await readChunk(each, stored.key), whole);
        expect(await each.verify(stored.key)).toEqual({ ok: true, bytes });
        expect(each.has(stored.key)).toBe(true);
        expect(each.bytesStored).toBe(stored.fileBytes);
        expect(each.damaged).toEqual([]);
      }
    },
  );

  it('keeps everything that the header says, so that a catalogue can be rebuilt', async () => {
    const disk = simulatedDisk().mount();
    const whole = content(3000);
    await store(await openStore(disk), identity(), whole);
    const [header] = [...(await openStore(disk)).headers()];
    expect(header).toEqual({
      ...identity(),
      storedBytes: 3000,
      storedHash: hashOf(whole),
      sourceHash: hashOf(whole),
    });
  });

  it('reads from any block on, in order, with their checksums', async () => {
    const disk = simulatedDisk().mount();
    const opened = await openStore(disk);
    const whole = content(5000);
    const { key } = await store(opened, identity(), whole);
    expectBytes(await readChunk(opened, key, 2), whole.subarray(2048));
    expectBytes(await readChunk(opened, key, 5), new Uint8Array(0));
    const blocks = [];
    for await (const block of opened.read(key)) blocks.push(block);
    expect(blocks).toEqual(blocksFrom(whole));
  });

  it('ends a read that its reader leaves or cancels', async () => {
    const opened = await openStore(simulatedDisk().mount());
    const { key } = await store(opened, identity(), content(5000));
    for await (const block of opened.read(key)) if (block.index === 1) break;
    const abort = new AbortController();
    const seen: number[] = [];
    const reading = (async () => {
      for await (const block of opened.read(key, 0, abort.signal)) {
        seen.push(block.index);
        abort.abort();
      }
    })();
    await expect(reading).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(seen).toEqual([0]);
  });

  it('fills the buffers that it was given', async () => {
    const disk = simulatedDisk().mount();
    const { key } = await store(await openStore(disk), identity(), content(2500));
    const sizes: number[] = [];
    const allocate = (bytes: number): Uint8Array => {
      sizes.push(bytes);
      return new Uint8Array(bytes).fill(0xee);
    };
    expectBytes(await readChunk(await openStore(disk, { allocate }), key), content(2500));
    expect(sizes).toEqual([1024, 1024, 452]);
  });

  it('lists by data set and index, and removes', async () => {
    const disk = simulatedDisk().mount();
    const opened = await openStore(disk);
    for (const [dataset, index] of [
      ['b', 2],
      ['b', 0],
      ['a', 10],
      ['a', 9],
    ] as const) {
      await store(opened, identity({ dataset, index }), content(100, index));
    }
    const listed = opened.list().map(({ key }) => `${key.dataset}${key.index}`);
    expect(listed).toEqual(['a9', 'a10', 'b0', 'b2']);
    expect(opened.list('b').map(({ key }) => key.index)).toEqual([0, 2]);
    expect(opened.list('none')).toEqual([]);
    const first = opened.list('a')[0]?.key;
    if (first === undefined) throw new Error('nothing listed');
    expect(await opened.remove(first)).toBe(true);
    expect(await opened.remove(first)).toBe(false);
    expect(opened.has(first)).toBe(false);
    await expect(readChunk(opened, first)).rejects.toMatchObject({ code: 'CHUNK_NOT_FOUND' });
    expect(await opened.verify(first)).toMatchObject({ ok: false, reason: 'absent' });
    await opened.removeDataset('b');
    await opened.removeDataset('b');
    expect((await openStore(disk)).list().map(({ key }) => key.index)).toEqual([10]);
    await store(opened, identity({ dataset: 'b' }), content(10));
    expect(opened.list('b').length).toBe(1);
  });

  it('lets a read end that began before the removal', async () => {
    const opened = await openStore(simulatedDisk().mount());
    const { key } = await store(opened, identity(), content(5000));
    const reading = opened.read(key)[Symbol.asyncIterator]();
    await reading.next();
    await opened.removeDataset(key.dataset);
    let blocks = 1;
    while ((await reading.next()).done !== true) blocks++;
    expect(blocks).toBe(5);
    expect(opened.damaged).toEqual([]);
  });

  it('keeps two different chunks of one index apart', async () => {
    const opened = await openStore(simulatedDisk().mount());
    const one = await store(opened, identity(), content(100, 1));
    const other = await store(opened, identity(), content(100, 2));
    expectBytes(await readChunk(opened, one.key), content(100, 1));
    expectBytes(await readChunk(opened, other.key), content(100, 2));
  });
});

describe('committing', () => {
  it('is idempotent: the same chunk again does not touch the stored file', async () => {
    const disk = simulatedDisk().mount();
    const opened = await openStore(disk);
    const { key } = await store(opened, identity(), content(100));
    const path = `${root}/chunks/${key.dataset}/00000003-${key.hash.slice(0, 16)}.chunk`;
    const before = await disk.stat(path);
    const again = await store(opened, identity(), content(100));
    expect(again.key).toEqual(key);
    expect((await disk.stat(path))?.inode).toBe(before?.inode);
    await store(opened, identity({ attempt: 3 }), content(100));
    expect((await disk.stat(path))?.inode).not.toBe(before?.inode);
    expect(opened.find(key)?.header.attempt).toBe(3);
    expect(opened.list().length).toBe(1);
    expect(await disk.list(`${root}/incoming`)).toEqual([]);
  });

  it('syncs each file, and a folder once for commits that end together', async () => {
    const simulated = simulatedDisk();
    const opened = await openStore(simulated.mount());
    await store(opened, identity({ index: 0 }), content(10));
    let folderSyncs = 0;
    const next = simulated.faults.next.bind(simulated.faults);
    simulated.faults.next = (operation, path) => {
      if (operation === 'syncDirectory') folderSyncs++;
      return next(operation, path);
    };
    await Promise.all(
      Array.from({ length: 20 }, (_, i) => store(opened, identity({ index: i + 1 }), content(10))),
    );
    expect(folderSyncs).toBeLessThanOrEqual(3);
    simulated.powerLoss();
    const after = await openStore(simulated.mount());
    expect(after.list().length).toBe(21);
  });

  it('writes without waiting, up to its limit', async () => {
    const opened = await openStore(simulatedDisk().mount(), { writesInFlight: 3 });
    const writer = await opened.begin(identity());
    const order: string[] = [];
    const appends = blocksFrom(content(3 * blockBytes)).map((block) =>
      writer.append(block).then(() => {
        order.push(`append ${block.index}`);
      }),
    );
    await Promise.all(appends);
    expect(order.slice(0, 2)).toEqual(['append 0', 'append 1']);
    await writer.abort();
    await writer.abort();
    await expect(writer.append({ index: 3, bytes: content(1), crc32c: 0 })).rejects.toMatchObject({
      code: 'DISK_CLOSED',
    });
    expect(opened.list()).toEqual([]);
  });

  it('waits for a commit that is under way when it is aborted', async () => {
    const opened = await openStore(simulatedDisk().mount());
    const writer = await opened.begin(identity());
    const bytes = content(100);
    for (const block of blocksFrom(bytes)) await writer.append(block);
    const committed = writer.commit({
      storedBytes: 100,
      storedHash: hashOf(bytes),
      sourceHash: hashOf(bytes),
    });
    await writer.abort();
    expect(opened.has((await committed).key)).toBe(true);
  });
});

describe('what does not fit', () => {
  it('refuses blocks that are wrong, and takes the right one after them', async () => {
    const opened = await openStore(simulatedDisk().mount());
    const writer = await opened.begin(identity());
    const bytes = content(1500);
    const [first, last] = blocksFrom(bytes);
    if (first === undefined || last === undefined) throw new Error('no blocks');
    for (const wrong of [
      { ...first, crc32c: first.crc32c ^ 1 },
      { ...first, index: 1 },
      { ...first, bytes: new Uint8Array(0), crc32c: 0 },
      { ...first, bytes: content(blockBytes + 1) },
    ]) {
      await expect(writer.append(wrong)).rejects.toMatchObject({
        code: 'CHECKSUM_MISMATCH',
        details: { dataset: 'weather-2026', index: 3 },
      });
    }
    await writer.append(first);
    await writer.append(last);
    await expect(writer.append({ ...last, index: 2 })).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    const hash = hashOf(bytes);
    await writer.commit({ storedBytes: 1500, storedHash: hash, sourceHash: hash });
  });

  it('refuses a seal that does not fit, and ends the writer', async () => {
    const disk = simulatedDisk().mount();
    const opened = await openStore(disk);
    const hash = hashOf(content(1));
    for (const [seal, code] of [
      [{ storedBytes: 99, storedHash: hash, sourceHash: hash }, 'CHECKSUM_MISMATCH'],
      [{ storedBytes: 100, storedHash: 'abc', sourceHash: hash }, 'INVALID_MESSAGE'],
      [{ storedBytes: 100, storedHash: hash, sourceHash: '../..' }, 'INVALID_MESSAGE'],
    ] as const) {
      const writer = await opened.begin(identity());
      for (const block of blocksFrom(content(100))) await writer.append(block);
      await expect(writer.commit(seal)).rejects.toMatchObject({ code });
      await expect(writer.commit(seal)).rejects.toMatchObject({ code: 'DISK_CLOSED' });
    }
    expect(await disk.list(`${root}/incoming`)).toEqual([]);
  });

  it('refuses a chunk longer than announced', async () => {
    const opened = await openStore(simulatedDisk().mount());
    const writer = await opened.begin(identity(), 2 * blockBytes);
    const blocks = blocksFrom(content(3 * blockBytes));
    await writer.append(blocks[0] as (typeof blocks)[0]);
    await writer.append(blocks[1] as (typeof blocks)[0]);
    await expect(writer.append(blocks[2] as (typeof blocks)[0])).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
    });
    await writer.abort();
  });

  const hostile = ['..', '.', '', 'a/b', '/etc', 'a\0b', 'A', 'ä', 'x'.repeat(65), 'a.b', 'a\n', '..\\a'];

  it('refuses hostile data set ids everywhere, and touches nothing (C6)', async () => {
    const simulated = simulatedDisk();
    const opened = await openStore(simulated.mount());
    const calls = simulated.faults.calls;
    const hash = hashOf(content(1));
    for (const dataset of hostile) {
      const invalid = { code: 'INVALID_MESSAGE', details: { field: 'dataset' } };
      await expect(opened.begin(identity({ dataset }))).rejects.toMatchObject(invalid);
      await expect(opened.verify({ dataset, index: 0, hash })).rejects.toMatchObject(invalid);
      await expect(opened.remove({ dataset, index: 0, hash })).rejects.toMatchObject(invalid);
      await expect(readChunk(opened, { dataset, index: 0, hash })).rejects.toMatchObject(invalid);
      await expect(opened.removeDataset(dataset)).rejects.toMatchObject(invalid);
      expect(opened.has({ dataset, index: 0, hash })).toBe(false);
    }
    for (const bad of ['', '../../../etc/passwd', hash.toUpperCase(), `${hash}0`]) {
      await expect(opened.remove({ dataset: 'a', index: 0, hash: bad })).rejects.toMatchObject({
        details: { field: 'hash' },
      });
      await expect(opened.getObject(bad)).rejects.toMatchObject({ details: { field: 'hash' } });
      expect(() => opened.removeObject(bad)).toThrow('INVALID_MESSAGE');
    }
    expect(simulated.faults.calls).toBe(calls);
  });

  it('takes any well-formed name as text', async () => {
    const disk = simulatedDisk().mount();
    const opened = await openStore(disk);
    const names = ['../../etc/passwd', 'a\0b', '', '\u{feff}bom', 'ü'.repeat(127), '😀'.repeat(63)];
    for (const [index, name] of names.entries()) await store(opened, identity({ index, name }), content(10));
    expect([...(await openStore(disk)).headers()].map(({ name }) => name)).toEqual(names);
    await expect(opened.begin(identity({ name: 'x'.repeat(256) }))).rejects.toMatchObject({
      details: { field: 'name' },
    });
    await expect(opened.begin(identity({ name: '\ud800' }))).rejects.toMatchObject({
      details: { field: 'name' },
    });
  });

  it('refuses numbers that no plan has', async () => {
    const opened = await openStore(simulatedDisk().mount());
    for (const change of [
      { index: -1 },
      { index: 1.5 },
      { index: chunkLimits.maxIndex + 1 },
      { count: -1 },
      { sourceBytes: Number.NaN },
      { sourceOffset: 2 ** 53 },
      { blockBytes: 1023 },
      { blockBytes: 4 * 1024 * 1024 + 1 },
      { token: -1 },
      { attempt: 2 ** 32 },
    ]) {
      await expect(opened.begin(identity(change))).rejects.toMatchObject({
        code: 'INVALID_MESSAGE',
        details: { field: Object.keys(change)[0] },
      });
    }
    await expect(opened.begin(identity(), 2 ** 31)).rejects.toMatchObject({
      details: { field: 'maxStoredBytes' },
    });
  });

  it('tells two headers apart by every field', () => {
    const header = {
      ...identity(),
      storedBytes: 1,
      storedHash: hashOf(content(1)),
      sourceHash: hashOf(content(2)),
    };
    expect(sameHeader(header, structuredClone(header))).toBe(true);
    for (const field of Object.keys(header))
      expect(sameHeader(header, { ...header, [field]: 'other' })).toBe(false);
  });
});

it('stores 20 MiB on a real disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'loom-store-'));
  try {
    const opened = await openStore(nodeDisk(), { root: join(folder, 'deep/store') });
    const bytes = content(20 * 1024 * 1024 - 17);
    const big = identity({ blockBytes: 4 * 1024 * 1024, sourceBytes: bytes.length });
    const { key } = await store(opened, big, bytes);
    const again = await openStore(nodeDisk(), { root: join(folder, 'deep/store') });
    expect(again.list().length).toBe(1);
    const back = await readChunk(again, key);
    expect(hashOf(back)).toBe(key.hash);
    expect(await again.verify(key)).toEqual({ ok: true, bytes: bytes.length });
    expect((await again.space()).freeBytes).toBeGreaterThan(0);
    await again.putObject(bytes.subarray(0, 100_000), { owner: 'job' });
    expect(await again.remove(key)).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});
