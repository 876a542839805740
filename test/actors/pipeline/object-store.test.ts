import { describe, expect, it } from 'vitest';
import { content, expectBytes, hashOf, openStore, root, simulatedDisk } from './chunk-store-fixture.ts';

const bytes = content(5000);
const hash = hashOf(bytes);
const path = `${root}/objects/${hash.slice(0, 2)}/${hash}.object`;

describe('objects', () => {
  it('come back under their hash, also after a restart', async () => {
    const disk = simulatedDisk().mount();
    const opened = await openStore(disk);
    const expected = { hash, bytes: 5000, owners: ['job-1'], expiresMs: 99 };
    expect(await opened.putObject(bytes, { owner: 'job-1', expiresMs: 99 })).toEqual(expected);
    const empty = await opened.putObject(new Uint8Array(0), { owner: 'job-1' });
    for (const each of [opened, await openStore(disk)]) {
      expectBytes(await each.getObject(hash), bytes);
      expectBytes(await each.getObject(empty.hash), new Uint8Array(0));
      expect(each.hasObject(hash)).toBe(true);
      expect(each.objects()).toContainEqual(expected);
      expect(each.bytesStored).toBe(2 * 4096 + 5000);
    }
  });

  it('are refused when they are absent, too large or without a proper owner', async () => {
    const opened = await openStore(simulatedDisk().mount());
    await expect(opened.getObject(hash)).rejects.toMatchObject({ code: 'CHUNK_NOT_FOUND' });
    expect(opened.hasObject(hash)).toBe(false);
    expect(await opened.removeObject(hash)).toBe(false);
    const large = new Uint8Array(64 * 1024 * 1024 + 1);
    await expect(opened.putObject(large, { owner: 'x' })).rejects.toMatchObject({
      details: { field: 'bytes' },
    });
    await expect(opened.putObject(bytes, { owner: 'x'.repeat(129) })).rejects.toMatchObject({
      details: { field: 'owner' },
    });
    await expect(opened.putObject(bytes, { owner: 'x', expiresMs: -1 })).rejects.toMatchObject({
      details: { field: 'expiresMs' },
    });
  });

  it('live as long as one of their owners, and to the latest expiry', async () => {
    const disk = simulatedDisk().mount();
    const opened = await openStore(disk);
    await Promise.all([
      opened.putObject(bytes, { owner: 'b', expiresMs: 10 }),
      opened.putObject(bytes, { owner: 'a', expiresMs: 30 }),
      opened.putObject(bytes, { owner: 'b', expiresMs: 20 }),
    ]);
    const again = await openStore(disk);
    expect(again.objects()).toEqual([{ hash, bytes: 5000, owners: ['a', 'b'], expiresMs: 30 }]);
    expect((await again.putObject(bytes, { owner: 'b' })).expiresMs).toBe(0);
    expect(await again.removeObject(hash, 'c')).toBe(false);
    expect(await again.removeObject(hash, 'a')).toBe(true);
    expectBytes(await again.getObject(hash), bytes);
    expect(await again.removeObject(hash, 'b')).toBe(true);
    expect(again.hasObject(hash)).toBe(false);
    expect(again.bytesStored).toBe(0);
    expect(await disk.stat(path)).toBeUndefined();
  });

  it('take as many owners as the header holds, and refuse one more', async () => {
    const disk = simulatedDisk().mount();
    const opened = await openStore(disk);
    for (let i = 0; i < 30; i++) {
      await opened.putObject(bytes, { owner: `${i}`.padEnd(128, 'x') });
    }
    await expect(opened.putObject(bytes, { owner: 'more' })).rejects.toMatchObject({
      details: { field: 'owners' },
    });
    expect((await openStore(disk)).objects()[0]?.owners.length).toBe(30);
  });

  it('are never read wrong, whichever bit flips', async () => {
    const simulated = simulatedDisk();
    const opened = await openStore(simulated.mount());
    for (let at = 0; at < 4096 + 5000; at += 83) {
      await opened.putObject(bytes, { owner: 'job' });
      simulated.flipBit(path, at * 8 + (at % 8));
      await expect(opened.getObject(hash), `byte ${at}`).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
      expect(opened.hasObject(hash)).toBe(false);
      expect(opened.damaged).toHaveLength(1);
    }
    expect(await opened.removeObject(hash)).toBe(true);
    expect(opened.damaged).toEqual([]);
    await opened.putObject(bytes, { owner: 'job' });
    simulated.flipBit(path, 8 * 30);
    const again = await openStore(simulated.mount());
    expect(again.hasObject(hash)).toBe(false);
    expect(again.damaged).toHaveLength(1);
    await again.putObject(bytes, { owner: 'job' });
    expect(again.damaged).toEqual([]);
    expectBytes(await again.getObject(hash), bytes);
  });
});
