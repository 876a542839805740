import { describe, expect, it } from 'vitest';
import { chunkHeaderBytes } from '../../../src/actors/pipeline/chunk-file.ts';
import type { StoredChunk } from '../../../src/actors/pipeline/chunk-store.ts';
import type { SimulatedDisk } from '../../../src/runtime/simulation/simulated-disk.ts';
import {
  checksum,
  content,
  expectBytes,
  identity,
  openStore,
  readChunk,
  root,
  simulatedDisk,
  store,
} from './chunk-store-fixture.ts';

const bytes = content(3000);

async function stored(): Promise<{ simulated: SimulatedDisk; chunk: StoredChunk; path: string }> {
  const simulated = simulatedDisk();
  const chunk = await store(await openStore(simulated.mount()), identity(), bytes);
  const path = `${root}/chunks/${chunk.key.dataset}/00000003-${chunk.key.hash.slice(0, 16)}.chunk`;
  return { simulated, chunk, path };
}

describe('a flipped bit (C2)', () => {
  it('in any byte of the file is found by verify and never read', async () => {
    const { simulated, chunk, path } = await stored();
    const opened = await openStore(simulated.mount());
    for (let at = 0; at < chunk.fileBytes; at += at < 1200 || at > 4000 ? 1 : 61) {
      simulated.flipBit(path, at * 8 + (at % 8));
      expect(await opened.verify(chunk.key), `byte ${at}`).toMatchObject({ ok: false, reason: 'damaged' });
      expect(opened.has(chunk.key)).toBe(false);
      simulated.flipBit(path, at * 8 + (at % 8));
      expect(await opened.verify(chunk.key)).toEqual({ ok: true, bytes: 3000 });
      expect(opened.has(chunk.key)).toBe(true);
    }
  });

  it('ends a read before the damaged block, with data set, index and block and no path', async () => {
    const { simulated, chunk, path } = await stored();
    for (const block of [0, 1, 2]) {
      const opened = await openStore(simulated.mount());
      const at = chunk.headerBytes + block * 1024 + 7;
      simulated.flipBit(path, at * 8);
      const seen: number[] = [];
      const reading = (async () => {
        for await (const each of opened.read(chunk.key)) {
          expectBytes(each.bytes, bytes.subarray(each.index * 1024, (each.index + 1) * 1024));
          seen.push(each.index);
        }
      })();
      const error = await reading.catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'CHECKSUM_MISMATCH',
        details: { dataset: 'weather-2026', index: 3, block },
      });
      expect(String(error)).not.toContain('/');
      expect(seen).toEqual([0, 1, 2].slice(0, block));
      expect(opened.damaged).toHaveLength(1);
      await expect(readChunk(opened, chunk.key)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
      simulated.flipBit(path, at * 8);
    }
  });

  it('in the header is reported at open, and the file is left where it is', async () => {
    const { simulated, chunk, path } = await stored();
    simulated.flipBit(path, 8 * 100);
    const disk = simulated.mount();
    const opened = await openStore(disk);
    expect(opened.list()).toEqual([]);
    expect(opened.damaged).toMatchObject([{ path: path.slice(root.length + 1) }]);
    expect(await disk.stat(path)).toBeDefined();
    expect(await opened.verify(chunk.key)).toMatchObject({ ok: false, reason: 'damaged' });
    await expect(readChunk(opened, chunk.key)).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
    expect(await opened.remove(chunk.key)).toBe(true);
    expect(opened.damaged).toEqual([]);
    expect(await disk.stat(path)).toBeUndefined();
  });

  it('is repaired by storing the chunk again', async () => {
    const { simulated, chunk, path } = await stored();
    const opened = await openStore(simulated.mount());
    simulated.flipBit(path, 8 * 5000);
    expect(await opened.verify(chunk.key)).toMatchObject({ ok: false });
    await store(opened, identity(), bytes);
    expect(opened.damaged).toEqual([]);
    expect(await opened.verify(chunk.key)).toEqual({ ok: true, bytes: 3000 });
  });
});

describe('other damage', () => {
  it('finds a file that was cut, grew, was swapped or is gone', async () => {
    const { simulated, chunk, path } = await stored();
    const disk = simulated.mount();
    const opened = await openStore(disk);
    for (const length of [0, 10, 4096, 7095, 7097]) {
      const file = await disk.open(path, 'write');
      await file.truncate(length);
      await file.close();
      expect(await opened.verify(chunk.key)).toMatchObject({ ok: false, reason: 'damaged' });
      expect((await openStore(disk)).damaged).toHaveLength(1);
      await store(opened, identity(), bytes);
    }
    const other = await store(opened, identity({ index: 4 }), content(3000, 2));
    const otherPath = `${root}/chunks/${other.key.dataset}/00000004-${other.key.hash.slice(0, 16)}.chunk`;
    await disk.rename(otherPath, path);
    expect(await opened.verify(chunk.key)).toMatchObject({ ok: false, reason: 'damaged' });
    expect(await opened.verify(other.key)).toMatchObject({ ok: false, reason: 'damaged' });
    expect((await openStore(disk)).damaged).toHaveLength(1);
  });

  it('finds a chunk whose BLAKE3 was never right', async () => {
    const opened = await openStore(simulatedDisk().mount());
    const writer = await opened.begin(identity());
    await writer.append({ index: 0, bytes, crc32c: checksum.crc32c(bytes) }).catch(() => undefined);
    await writer.append({ index: 0, bytes: content(5), crc32c: checksum.crc32c(content(5)) });
    const wrong = '0'.repeat(64);
    const { key } = await writer.commit({ storedBytes: 5, storedHash: wrong, sourceHash: wrong });
    expect(await opened.verify(key)).toMatchObject({ ok: false, detail: expect.stringContaining('BLAKE3') });
  });

  it('refuses a store that a newer Loom wrote', async () => {
    const { simulated, path } = await stored();
    const disk = simulated.mount();
    const file = await disk.open(path, 'write');
    const head = new Uint8Array(16);
    await file.read(head, 0);
    const view = new DataView(head.buffer);
    view.setUint32(8, 2);
    view.setUint32(12, checksum.crc32c(head.subarray(0, 12)));
    await file.write(head, 0);
    await expect(openStore(disk)).rejects.toMatchObject({ code: 'DATA_VERSION' });
  });

  it('has a header of 4 KiB until its table is longer', () => {
    expect(chunkHeaderBytes(0)).toBe(4096);
    expect(chunkHeaderBytes(768)).toBe(4096);
    expect(chunkHeaderBytes(769)).toBe(8192);
  });

  it('reads a chunk whose table goes beyond 4 KiB', async () => {
    const disk = simulatedDisk().mount();
    const long = content(2000 * 1024 + 5);
    const { key, headerBytes } = await store(
      await openStore(disk),
      identity({ sourceBytes: long.length }),
      long,
    );
    expect(headerBytes).toBeGreaterThan(4096);
    const again = await openStore(disk);
    expectBytes(await readChunk(again, key), long);
  });
});
