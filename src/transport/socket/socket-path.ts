import { LoomError } from '../../ports/loom-error.ts';

/** The shortest limit among the systems that Loom runs on (macOS); longer paths are cut silently there. */
const socketPathLimitBytes = 104;

/** SOCKET_PATH_TOO_LONG unless the path stays under the limit. */
export function checkSocketPath(path: string): void {
  const bytes = Buffer.byteLength(path);
  if (bytes < socketPathLimitBytes) return;
  throw new LoomError('SOCKET_PATH_TOO_LONG', `${path} has ${bytes} bytes`, {
    details: { path, bytes, limit: socketPathLimitBytes },
  });
}
