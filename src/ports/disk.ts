/**
 * Files, as durably as the caller asks and no more. Paths are absolute and use `/`.
 *
 * D1. A write is durable only after `sync` of its file; a created, renamed or removed name is durable only after
 *     `syncDirectory` of the folder (or folders) that hold it. Until then power loss may undo either.
 * D2. `write` writes all bytes or throws; after a throw any part of the bytes may have been written.
 * D3. After a `sync` or `syncDirectory` that threw, nothing may be assumed of earlier writes; callers stop
 *     acknowledging and start again from what the disk gives back. They never retry the sync.
 * D4. Every failure is a LoomError with a DISK_* code: DISK_NOT_FOUND, DISK_EXISTS, DISK_FULL, DISK_DENIED, DISK_IO,
 *     DISK_NOT_A_FILE, DISK_CLOSED.
 */
export interface Disk {
  /**
   * Opens a file. `read` needs it to exist; `create` makes a new one and refuses an existing one (DISK_EXISTS);
   * `write` opens for reading and writing, and makes the file when it is missing.
   */
  open(path: string, mode: DiskOpenMode): Promise<DiskFile>;
  /** Renames a file or folder; replaces an existing file. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file. A missing one is DISK_NOT_FOUND. */
  remove(path: string): Promise<void>;
  /** Removes a folder with all that is in it; a missing one is no error. */
  removeTree(path: string): Promise<void>;
  /** Makes a folder and the ones above it; an existing one is no error. */
  makeDirectory(path: string): Promise<void>;
  /** The entries of a folder, sorted by name. A missing folder is DISK_NOT_FOUND. */
  list(path: string): Promise<readonly DiskEntry[]>;
  /** What stands at a path (links followed), or undefined when nothing does. */
  stat(path: string): Promise<DiskStat | undefined>;
  syncDirectory(path: string): Promise<void>;
  /** Free and total bytes of the volume that holds `path`. */
  space(path: string): Promise<DiskSpace>;
}

export type DiskOpenMode = 'read' | 'create' | 'write';

export interface DiskFile {
  /** Reads up to `into.length` bytes at `position`; answers how many, 0 at the end. Loops until full or the end. */
  read(into: Uint8Array, position: number): Promise<number>;
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Makes the file's bytes and length durable (fdatasync). */
  sync(): Promise<void>;
  truncate(bytes: number): Promise<void>;
  stat(): Promise<DiskStat>;
  /** Closing twice is harmless. Any other call after it is DISK_CLOSED. */
  close(): Promise<void>;
}

export type DiskEntryKind = 'file' | 'directory' | 'other';

export interface DiskEntry {
  readonly name: string;
  readonly kind: DiskEntryKind;
}

export interface DiskStat {
  readonly kind: DiskEntryKind;
  readonly bytes: number;
  /** Device and inode name the file itself, whatever its path; modified is wall time in milliseconds. */
  readonly device: number;
  readonly inode: number;
  readonly modifiedMs: number;
}

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}
