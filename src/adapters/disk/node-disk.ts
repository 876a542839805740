import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, stat, statfs, unlink } from 'node:fs/promises';
import type { Disk, DiskEntry, DiskFile, DiskOpenMode, DiskSpace, DiskStat } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { diskError } from './errors.ts';
import { diskStat, entryKind } from './map.ts';
import { NodeFile } from './node-file.ts';

/** The file system of the machine. Every failure is a DISK_* LoomError with `path` and `errno` in its details. */
export function nodeDisk(): Disk {
  return {
    open: (path, mode) => call(path, () => openFile(path, mode)),
    rename: (from, to) => call(from, () => rename(from, to)),
    remove: (path) => call(path, () => unlink(path)),
    removeTree: (path) => call(path, () => rm(path, { recursive: true, force: true })),
    makeDirectory: (path) =>
      call(path, async () => {
        await mkdir(path, { recursive: true });
      }),
    list: (path) => call(path, () => listFolder(path)),
    stat: (path) => call(path, () => statIfPresent(path)),
    syncDirectory: (path) => call(path, () => syncFolder(path)),
    space: (path) => call(path, () => spaceOf(path)),
  };
}

const flags: Readonly<Record<DiskOpenMode, number>> = {
  read: constants.O_RDONLY,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
  write: constants.O_RDWR | constants.O_CREAT,
};

async function call<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    throw diskError(thrown, path);
  }
}

/**
 * Opening a device may act on it and opening a pipe waits for its other end. So what is not a file is refused before
 * the open, the open does not wait, and the opened file is looked at again in case the name changed hands in between.
 */
async function openFile(path: string, mode: DiskOpenMode): Promise<DiskFile> {
  if (mode !== 'create') {
    const found = await statIfPresent(path);
    if (found !== undefined && found.kind !== 'file') throw notAFile(path);
  }
  const handle = await open(path, flags[mode] | constants.O_NONBLOCK, 0o644);
  try {
    if (!(await handle.stat()).isFile()) throw notAFile(path);
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
  return new NodeFile(handle, path);
}

function notAFile(path: string): LoomError {
  return new LoomError('DISK_NOT_A_FILE', `${path} is not a regular file`, { details: { path } });
}

async function listFolder(path: string): Promise<readonly DiskEntry[]> {
  const entries = await readdir(path, { withFileTypes: true });
  return entries
    .map((entry) => ({ name: entry.name, kind: entryKind(entry) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function statIfPresent(path: string): Promise<DiskStat | undefined> {
  try {
    return diskStat(await stat(path));
  } catch (thrown) {
    const error = diskError(thrown, path);
    if (error.code === 'DISK_NOT_FOUND') return undefined;
    throw error;
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle: FileHandle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function spaceOf(path: string): Promise<DiskSpace> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}
