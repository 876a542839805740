import { formatBytes } from '../../config/size.ts';
import type { Disk } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';

/** For journals, manifests and whatever else writes to the volume meanwhile. */
const slackBytes = 64 * 1024 * 1024;

/** Refuses before anything is written when `copies` copies of the source have no room: TOO_LITTLE_SPACE. */
export async function checkDemoSpace(
  disk: Disk,
  folder: string,
  bytes: number,
  copies: number,
): Promise<void> {
  const needed = bytes * copies + slackBytes;
  const { freeBytes } = await disk.space(folder);
  if (freeBytes >= needed) return;
  throw new LoomError(
    'TOO_LITTLE_SPACE',
    `the demo needs ${formatBytes(needed)} in ${folder} (${copies} copies of ${formatBytes(bytes)}); ${formatBytes(freeBytes)} are free`,
    { details: { folder, needed, free: freeBytes } },
  );
}
