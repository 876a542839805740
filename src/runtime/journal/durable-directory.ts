import type { Disk } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';

/**
 * Makes a folder and the ones above it, so that power loss does not take them back. All folders above are synced, also
 * those that were there: whoever made them may have been killed before it synced them, or did not care to.
 */
export async function makeDurableDirectory(disk: Disk, path: string): Promise<void> {
  await disk.makeDirectory(path);
  for (let parent = parentOf(path); ; parent = parentOf(parent)) {
    await syncIfAllowed(disk, parent);
    if (parent === '/') return;
  }
}

async function syncIfAllowed(disk: Disk, directory: string): Promise<void> {
  try {
    await disk.syncDirectory(directory);
  } catch (thrown) {
    // A folder that we may not even read is not one in which a Loom made something.
    if (!(thrown instanceof LoomError) || thrown.code !== 'DISK_DENIED') throw thrown;
  }
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/')) || '/';
}
