import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';

const codes: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'DISK_DENIED',
  EPERM: 'DISK_DENIED',
  EROFS: 'DISK_DENIED',
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'DISK_FULL',
  ENOENT: 'DISK_NOT_FOUND',
  EEXIST: 'FOLDER_FOREIGN',
  ENOTDIR: 'FOLDER_FOREIGN',
};

/** The operating system's word for what went wrong, or an empty text. */
export function systemCode(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : '';
}

/** What a file call on the data folder threw, as a coded error that names the folder. A LoomError stays as it is. */
export function folderFault(folder: string, thrown: unknown): LoomError {
  if (thrown instanceof LoomError) return thrown;
  const why = thrown instanceof Error ? thrown.message : String(thrown);
  return new LoomError(
    codes[systemCode(thrown)] ?? 'DISK_IO',
    `the data folder ${folder} cannot be used: ${why}`,
    {
      cause: thrown,
      details: { folder },
    },
  );
}
