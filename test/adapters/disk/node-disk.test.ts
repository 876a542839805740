import { execFileSync } from 'node:child_process';
import type { FileHandle } from 'node:fs/promises';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diskError } from '../../../src/adapters/disk/errors.ts';
import { nodeDisk } from '../../../src/adapters/disk/node-disk.ts';
import { NodeFile } from '../../../src/adapters/disk/node-file.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';

/** Of every POSIX system; Node itself cannot make a pipe with a name. */
const makePipe = 'mkfifo';
const disk = nodeDisk();
let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'loom-disk-'));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

describe('what is not a file', () => {
  it('refuses a pipe without waiting for its other end', async () => {
    execFileSync(makePipe, [join(root, 'pipe')]);
    for (const mode of ['read', 'write'] as const) {
      await expect(disk.open(join(root, 'pipe'), mode)).rejects.toMatchObject({ code: 'DISK_NOT_A_FILE' });
    }
  });

  it('refuses a device', async () => {
    await expect(disk.open('/dev/zero', 'read')).rejects.toMatchObject({ code: 'DISK_NOT_A_FILE' });
  });

  it('follows a link to a file and lists it as other', async () => {
    await writeFile(join(root, 'a'), 'text');
    await symlink(join(root, 'a'), join(root, 'link'));
    expect(await disk.stat(join(root, 'link'))).toMatchObject({ kind: 'file', bytes: 4 });
    expect(await disk.list(root)).toContainEqual({ name: 'link', kind: 'other' });
  });

  it('takes a link in a circle for nothing', async () => {
    await symlink(join(root, 'loop'), join(root, 'loop'));
    expect(await disk.stat(join(root, 'loop'))).toBeUndefined();
  });
});

it('refuses what the operating system does not allow', async () => {
  // The superuser may write into any folder of its own; `/sys` takes a new file from nobody.
  const denied = process.getuid?.() === 0 && process.platform === 'linux' ? '/sys' : root;
  await chmod(root, 0o500);
  await expect(disk.open(join(denied, 'x'), 'create')).rejects.toMatchObject({ code: 'DISK_DENIED' });
  await chmod(root, 0o700);
});

describe('short calls', () => {
  /** A handle that moves at most three bytes a call, as a signal or a full pipe makes a real one do. */
  function shortHandle(content: Uint8Array): FileHandle {
    const handle = {
      read(into: Uint8Array, offset: number, length: number, position: number) {
        const bytes = content.subarray(position, position + Math.min(3, length));
        into.set(bytes, offset);
        return Promise.resolve({ bytesRead: bytes.length });
      },
      write(from: Uint8Array, offset: number, length: number, position: number) {
        const bytes = from.subarray(offset, offset + Math.min(3, length));
        content.set(bytes, position);
        return Promise.resolve({ bytesWritten: bytes.length });
      },
      close: () => Promise.resolve(),
    };
    return handle as unknown as FileHandle;
  }

  it('reads and writes on until all is done', async () => {
    const content = new Uint8Array(10);
    const file = new NodeFile(shortHandle(content), '/x');
    await file.write(Uint8Array.of(1, 2, 3, 4, 5, 6, 7), 2);
    expect([...content]).toEqual([0, 0, 1, 2, 3, 4, 5, 6, 7, 0]);
    const into = new Uint8Array(20);
    expect(await file.read(into, 1)).toBe(9);
    expect([...into.subarray(0, 9)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0]);
  });

  it('refuses a system that writes nothing', async () => {
    const handle = { write: () => Promise.resolve({ bytesWritten: 0 }) } as unknown as FileHandle;
    await expect(new NodeFile(handle, '/x').write(Uint8Array.of(1), 0)).rejects.toMatchObject({
      code: 'DISK_IO',
    });
  });
});

describe('error codes', () => {
  const cases = [
    ['ENOSPC', 'DISK_FULL'],
    ['EDQUOT', 'DISK_FULL'],
    ['EACCES', 'DISK_DENIED'],
    ['EPERM', 'DISK_DENIED'],
    ['EROFS', 'DISK_DENIED'],
    ['ENOENT', 'DISK_NOT_FOUND'],
    ['ENOTDIR', 'DISK_NOT_FOUND'],
    ['EEXIST', 'DISK_EXISTS'],
    ['EISDIR', 'DISK_NOT_A_FILE'],
    ['EIO', 'DISK_IO'],
    ['EMFILE', 'DISK_IO'],
  ] as const;

  it.each(cases)('%s is %s, with the path and the system’s name', (errno, code) => {
    const error = diskError(Object.assign(new Error('failed'), { code: errno }), '/some/path');
    expect(error).toMatchObject({ code, details: { path: '/some/path', errno } });
  });

  it('keeps a LoomError and takes whatever else was thrown', () => {
    const known = new LoomError('DISK_FULL', 'x');
    expect(diskError(known, '/p')).toBe(known);
    expect(diskError('text', '/p')).toMatchObject({ code: 'DISK_IO', details: { errno: 'unknown' } });
  });
});
