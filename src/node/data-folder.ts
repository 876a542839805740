import { chmod, mkdir, realpath, stat } from 'node:fs/promises';
import { judgeFolder, markFolder } from './data-folder-format.ts';
import { folderFault } from './folder-fault.ts';
import { type FolderLock, type FolderLockOptions, holdFolder } from './folder-lock.ts';

/** A data folder that this process holds. */
export interface DataFolder {
  /** The real path, links resolved. */
  readonly path: string;
  /** Whether it was made, or found empty, by this opening. */
  readonly fresh: boolean;
  readonly lock: FolderLock;
}

/**
 * Makes the folder if need be (mode 0700), holds it, and marks it as Loom's. Refuses without changing anything:
 * FOLDER_HELD (naming the holder), FOLDER_FOREIGN, DATA_VERSION, and DISK_* when the system does not let it.
 * The folder is given up with `lock.release()`.
 */
export async function openDataFolder(wanted: string, options: FolderLockOptions): Promise<DataFolder> {
  try {
    await mkdir(wanted, { recursive: true, mode: 0o700 });
    const path = await realpath(wanted);
    await judgeFolder(path);
    if (((await stat(path)).mode & 0o077) !== 0) await chmod(path, 0o700);
    const lock = await holdFolder(path, options);
    try {
      // Judged again: whoever held it before us may have been a newer Loom.
      const fresh = await judgeFolder(path);
      if (fresh) await markFolder(path);
      return { path, fresh, lock };
    } catch (error) {
      await lock.release();
      throw error;
    }
  } catch (error) {
    throw folderFault(wanted, error);
  }
}
