import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Disk } from '../../src/ports/disk.ts';
import type { ErrorCode } from '../../src/ports/error-table.ts';
import { LoomError } from '../../src/ports/loom-error.ts';

export interface DiskUnderTest {
  readonly disk: Disk;
  /** An empty folder that the test owns. */
  readonly root: string;
  close(): Promise<void>;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);

async function codeOf(work: Promise<unknown>): Promise<ErrorCode | 'resolved'> {
  try {
    await work;
    return 'resolved';
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(LoomError);
    return (thrown as LoomError).code;
  }
}

/** What every Disk does, whatever it stands on. */
export function diskContract(name: string, make: () => Promise<DiskUnderTest>): void {
  describe(`disk contract: ${name}`, () => {
    let under: DiskUnderTest;
    let disk: Disk;
    let root: string;

    beforeEach(async () => {
      under = await make();
      disk = under.disk;
      root = under.root;
    });

    afterEach(async () => {
      await under.close();
    });

    async function put(path: string, content: string): Promise<void> {
      const file = await disk.open(path, 'write');
      await file.write(text(content), 0);
      await file.truncate(content.length);
      await file.sync();
      await file.close();
    }

    async function take(path: string): Promise<string> {
      const file = await disk.open(path, 'read');
      const into = new Uint8Array((await file.stat()).bytes);
      expect(await file.read(into, 0)).toBe(into.length);
      await file.close();
      return new TextDecoder().decode(into);
    }

    it('reads back what was written, at any position', async () => {
      const file = await disk.open(`${root}/a`, 'create');
      await file.write(text('world'), 6);
      await file.write(text('hello '), 0);
      const into = new Uint8Array(32);
      expect(await file.read(into, 0)).toBe(11);
      expect(new TextDecoder().decode(into.subarray(0, 11))).toBe('hello world');
      expect(await file.read(into, 6)).toBe(5);
      expect(await file.read(into, 11)).toBe(0);
      expect(await file.read(into, 1000)).toBe(0);
      await file.close();
    });

    it('fills a hole with zeros', async () => {
      const file = await disk.open(`${root}/hole`, 'create');
      await file.write(text('x'), 9000);
      const into = new Uint8Array(9001).fill(7);
      expect(await file.read(into, 0)).toBe(9001);
      expect(into.subarray(0, 9000).every((byte) => byte === 0)).toBe(true);
      expect(into[9000]).toBe(120);
      await file.close();
    });

    it('keeps a large write whole and overlapping calls apart', async () => {
      const file = await disk.open(`${root}/large`, 'create');
      const blocks = Array.from({ length: 8 }, (_, i) => new Uint8Array(100_003).fill(i + 1));
      await Promise.all(blocks.map((block, i) => file.write(block, i * block.length)));
      await file.sync();
      expect((await file.stat()).bytes).toBe(8 * 100_003);
      const back = blocks.map(() => new Uint8Array(100_003));
      await Promise.all(back.map((into, i) => file.read(into, i * into.length)));
      for (const [i, into] of back.entries()) expect(into.every((byte) => byte === i + 1)).toBe(true);
      await file.close();
    });

    it('does not keep the bytes of the caller after a write', async () => {
      const file = await disk.open(`${root}/mine`, 'create');
      const bytes = text('before');
      await file.write(bytes, 0);
      bytes.fill(0);
      await file.close();
      expect(await take(`${root}/mine`)).toBe('before');
    });

    it('cuts and lengthens a file', async () => {
      await put(`${root}/t`, 'abcdef');
      const file = await disk.open(`${root}/t`, 'write');
      await file.truncate(2);
      await file.truncate(4);
      await file.close();
      expect(await take(`${root}/t`)).toBe('ab\0\0');
    });

    it('opens by its modes', async () => {
      expect(await codeOf(disk.open(`${root}/none`, 'read'))).toBe('DISK_NOT_FOUND');
      await put(`${root}/file`, 'x');
      expect(await codeOf(disk.open(`${root}/file`, 'create'))).toBe('DISK_EXISTS');
      expect(await take(`${root}/file`)).toBe('x');
      await disk.makeDirectory(`${root}/folder`);
      expect(await codeOf(disk.open(`${root}/folder`, 'read'))).toBe('DISK_NOT_A_FILE');
      expect(await codeOf(disk.open(`${root}/folder`, 'write'))).toBe('DISK_NOT_A_FILE');
      expect(await codeOf(disk.open(`${root}/folder`, 'create'))).toBe('DISK_EXISTS');
      expect(await codeOf(disk.open(`${root}/no/where`, 'create'))).toBe('DISK_NOT_FOUND');
      expect(await codeOf(disk.open(`${root}/file/under`, 'write'))).toBe('DISK_NOT_FOUND');
      const reader = await disk.open(`${root}/file`, 'read');
      expect(await codeOf(reader.write(text('no'), 0))).toBe('DISK_DENIED');
      await reader.close();
    });

    it('refuses paths that cannot exist', async () => {
      for (const path of [`${root}/a\0b`, `${root}/${'x'.repeat(300)}`]) {
        expect(await codeOf(disk.open(path, 'read'))).toBe('DISK_NOT_FOUND');
        expect(await codeOf(disk.open(path, 'create'))).toBe('DISK_NOT_FOUND');
        expect(await disk.stat(path)).toBeUndefined();
        expect(await codeOf(disk.remove(path))).toBe('DISK_NOT_FOUND');
      }
    });

    it('refuses a file after its close, and closes twice', async () => {
      const file = await disk.open(`${root}/c`, 'create');
      await file.close();
      await file.close();
      expect(await codeOf(file.read(new Uint8Array(1), 0))).toBe('DISK_CLOSED');
      expect(await codeOf(file.write(text('x'), 0))).toBe('DISK_CLOSED');
      expect(await codeOf(file.sync())).toBe('DISK_CLOSED');
      expect(await codeOf(file.truncate(0))).toBe('DISK_CLOSED');
      expect(await codeOf(file.stat())).toBe('DISK_CLOSED');
    });

    it('renames over a file, and within and between folders', async () => {
      await put(`${root}/from`, 'new');
      await put(`${root}/to`, 'older');
      await disk.rename(`${root}/from`, `${root}/to`);
      expect(await take(`${root}/to`)).toBe('new');
      expect(await disk.stat(`${root}/from`)).toBeUndefined();
      await disk.makeDirectory(`${root}/d`);
      await disk.rename(`${root}/to`, `${root}/d/to`);
      await disk.rename(`${root}/d`, `${root}/e`);
      expect(await take(`${root}/e/to`)).toBe('new');
      expect(await codeOf(disk.rename(`${root}/none`, `${root}/x`))).toBe('DISK_NOT_FOUND');
      expect(await codeOf(disk.rename(`${root}/e/to`, `${root}/no/to`))).toBe('DISK_NOT_FOUND');
      await put(`${root}/file`, 'x');
      expect(await codeOf(disk.rename(`${root}/file`, `${root}/e`))).toBe('DISK_NOT_A_FILE');
    });

    it('removes files and trees', async () => {
      await put(`${root}/r`, 'x');
      await disk.remove(`${root}/r`);
      expect(await codeOf(disk.remove(`${root}/r`))).toBe('DISK_NOT_FOUND');
      await disk.makeDirectory(`${root}/tree/deep/er`);
      await put(`${root}/tree/deep/f`, 'x');
      expect(await codeOf(disk.remove(`${root}/tree`))).toMatch(/DISK_NOT_A_FILE|DISK_DENIED/);
      await disk.removeTree(`${root}/tree`);
      await disk.removeTree(`${root}/tree`);
      expect(await disk.stat(`${root}/tree`)).toBeUndefined();
    });

    it('keeps an open file readable after its name is gone', async () => {
      await put(`${root}/held`, 'still here');
      const file = await disk.open(`${root}/held`, 'read');
      await disk.remove(`${root}/held`);
      const into = new Uint8Array(10);
      expect(await file.read(into, 0)).toBe(10);
      expect(new TextDecoder().decode(into)).toBe('still here');
      await file.close();
    });

    it('makes folders and lists them sorted', async () => {
      await disk.makeDirectory(`${root}/b/c`);
      await disk.makeDirectory(`${root}/b/c`);
      await put(`${root}/b/z`, '1');
      await put(`${root}/b/a`, '1');
      expect(await disk.list(`${root}/b`)).toEqual([
        { name: 'a', kind: 'file' },
        { name: 'c', kind: 'directory' },
        { name: 'z', kind: 'file' },
      ]);
      expect(await disk.list(`${root}/b/c`)).toEqual([]);
      expect(await codeOf(disk.list(`${root}/none`))).toBe('DISK_NOT_FOUND');
      expect(await codeOf(disk.list(`${root}/b/a`))).toBe('DISK_NOT_FOUND');
      expect(await codeOf(disk.makeDirectory(`${root}/b/a`))).toBe('DISK_EXISTS');
      expect(await codeOf(disk.makeDirectory(`${root}/b/a/under`))).toBe('DISK_NOT_FOUND');
    });

    it('tells what stands at a path', async () => {
      await put(`${root}/s`, 'four');
      const stat = await disk.stat(`${root}/s`);
      expect(stat).toMatchObject({ kind: 'file', bytes: 4 });
      const file = await disk.open(`${root}/s`, 'read');
      expect(await file.stat()).toMatchObject({
        kind: 'file',
        bytes: 4,
        inode: stat?.inode,
        device: stat?.device,
      });
      await file.close();
      expect(await disk.stat(root)).toMatchObject({ kind: 'directory' });
      expect(await disk.stat(`${root}/s/under`)).toBeUndefined();
    });

    it('syncs folders and knows the space', async () => {
      await put(`${root}/s`, 'x');
      await disk.syncDirectory(root);
      expect(await codeOf(disk.syncDirectory(`${root}/none`))).toBe('DISK_NOT_FOUND');
      expect(await codeOf(disk.syncDirectory(`${root}/s`))).toBe('DISK_NOT_FOUND');
      const { freeBytes, totalBytes } = await disk.space(root);
      expect(freeBytes).toBeGreaterThan(0);
      expect(totalBytes).toBeGreaterThanOrEqual(freeBytes);
      expect(await codeOf(disk.space(`${root}/none`))).toBe('DISK_NOT_FOUND');
    });

    it('names the path of a failure', async () => {
      await expect(disk.open(`${root}/absent`, 'read')).rejects.toMatchObject({
        details: { path: `${root}/absent` },
      });
    });
  });
}
