import type { Dirent, Stats } from 'node:fs';
import type { DiskEntryKind, DiskStat } from '../../ports/disk.ts';

export function entryKind(entry: Pick<Dirent | Stats, 'isFile' | 'isDirectory'>): DiskEntryKind {
  if (entry.isFile()) return 'file';
  return entry.isDirectory() ? 'directory' : 'other';
}

export function diskStat(stats: Stats): DiskStat {
  return {
    kind: entryKind(stats),
    bytes: stats.size,
    device: stats.dev,
    inode: stats.ino,
    modifiedMs: stats.mtimeMs,
  };
}
