import type { ErrorCode } from '../../ports/error-table.ts';
import { LoomError } from '../../ports/loom-error.ts';

const codeOfErrno: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  EACCES: 'DISK_DENIED',
  EPERM: 'DISK_DENIED',
  EROFS: 'DISK_DENIED',
  ENOENT: 'DISK_NOT_FOUND',
  ENOTDIR: 'DISK_NOT_FOUND',
  // Nothing can exist under a name that is too long, loops, or holds a NUL (Node's own refusal).
  ENAMETOOLONG: 'DISK_NOT_FOUND',
  ELOOP: 'DISK_NOT_FOUND',
  ERR_INVALID_ARG_VALUE: 'DISK_NOT_FOUND',
  EEXIST: 'DISK_EXISTS',
  ENOTEMPTY: 'DISK_EXISTS',
  EISDIR: 'DISK_NOT_A_FILE',
  ENXIO: 'DISK_NOT_A_FILE',
  // A closed file is refused before the system is asked, so this is a write through a handle opened for reading.
  EBADF: 'DISK_DENIED',
};

/** What a file system call threw, as a LoomError with the path and the system's own name for the failure. */
export function diskError(thrown: unknown, path: string): LoomError {
  if (thrown instanceof LoomError) return thrown;
  const errno = errnoOf(thrown);
  const code = codeOfErrno[errno] ?? 'DISK_IO';
  const detail = thrown instanceof Error ? thrown.message : String(thrown);
  return new LoomError(code, detail, { cause: thrown, details: { path, errno } });
}

function errnoOf(thrown: unknown): string {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return 'unknown';
  return typeof thrown.code === 'string' ? thrown.code : 'unknown';
}
