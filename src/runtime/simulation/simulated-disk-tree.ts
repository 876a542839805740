import type { DiskEntry, DiskStat } from '../../ports/disk.ts';
import type { ErrorCode } from '../../ports/error-table.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { SimulatedDirectory, type SimulatedNode } from './simulated-disk-directory.ts';
import { SimulatedFile } from './simulated-disk-file.ts';

/** The names of a simulated disk, with the refusals of Linux. It exists from the start and holds `/`. */
export class DiskTree {
  readonly root: SimulatedDirectory = new SimulatedDirectory(1);
  #lastInode = 1;

  find(path: string): SimulatedNode | undefined {
    const names = namesOf(path);
    if (names === undefined) return undefined;
    let node: SimulatedNode = this.root;
    for (const name of names) {
      const next: SimulatedNode | undefined = node.kind === 'directory' ? node.entries.get(name) : undefined;
      if (next === undefined) return undefined;
      node = next;
    }
    return node;
  }

  directory(path: string): SimulatedDirectory {
    const node = this.find(path);
    if (node?.kind !== 'directory') throw refuse('DISK_NOT_FOUND', path);
    return node;
  }

  /** The folder that holds (or would hold) the last name of `path`, and that name. */
  place(path: string): { readonly parent: SimulatedDirectory; readonly name: string } {
    const names = namesOf(path);
    if (names === undefined) throw refuse('DISK_NOT_FOUND', path);
    const name = names.at(-1);
    if (name === undefined) throw refuse('DISK_EXISTS', path);
    return { parent: this.directory(`/${names.slice(0, -1).join('/')}`), name };
  }

  existingFile(path: string): SimulatedFile {
    const node = this.find(path);
    if (node === undefined) throw refuse('DISK_NOT_FOUND', path);
    if (node.kind !== 'file') throw refuse('DISK_NOT_A_FILE', path);
    return node;
  }

  createFile(path: string): SimulatedFile {
    const { parent, name } = this.place(path);
    if (parent.entries.has(name)) throw refuse('DISK_EXISTS', path);
    const file = new SimulatedFile(++this.#lastInode);
    parent.change({ name, node: file });
    return file;
  }

  makeDirectory(path: string): void {
    const names = namesOf(path);
    if (names === undefined) throw refuse('DISK_NOT_FOUND', path);
    let directory = this.root;
    for (const [depth, name] of names.entries()) {
      const next = directory.entries.get(name);
      if (next?.kind === 'file')
        throw refuse(depth === names.length - 1 ? 'DISK_EXISTS' : 'DISK_NOT_FOUND', path);
      if (next === undefined) {
        const made = new SimulatedDirectory(++this.#lastInode);
        directory.change({ name, node: made });
        directory = made;
      } else directory = next;
    }
  }

  /** Answers the file that the rename replaced, if any. */
  rename(from: string, to: string): SimulatedFile | undefined {
    const source = this.place(from);
    const node = source.parent.entries.get(source.name);
    if (node === undefined) throw refuse('DISK_NOT_FOUND', from);
    const target = this.place(to);
    const replaced = target.parent.entries.get(target.name);
    if (replaced === node) return undefined;
    if (node.kind === 'file' && replaced?.kind === 'directory') throw refuse('DISK_NOT_A_FILE', to);
    if (node.kind === 'directory' && replaced?.kind === 'file') throw refuse('DISK_NOT_FOUND', to);
    if (replaced?.kind === 'directory' && replaced.entries.size > 0) throw refuse('DISK_EXISTS', to);
    if (node.kind === 'directory' && `${to}/`.startsWith(`${from}/`)) throw refuse('DISK_IO', to);
    const gone = { name: source.name, node: undefined };
    const placed = { name: target.name, node };
    if (source.parent === target.parent) source.parent.change(gone, placed);
    else {
      source.parent.change(gone);
      target.parent.change(placed);
    }
    return replaced?.kind === 'file' ? replaced : undefined;
  }

  remove(path: string): SimulatedFile {
    const file = this.existingFile(path);
    const { parent, name } = this.place(path);
    parent.change({ name, node: undefined });
    return file;
  }

  /** Answers the files that are gone with the tree. */
  removeTree(path: string): SimulatedFile[] {
    const node = this.find(path);
    if (node === undefined) return [];
    const { parent, name } = this.place(path);
    const gone: SimulatedFile[] = [];
    removeInto(gone, node);
    parent.change({ name, node: undefined });
    return gone;
  }

  list(path: string): readonly DiskEntry[] {
    const names = Array.from(
      this.directory(path).entries,
      ([name, node]): DiskEntry => ({ name, kind: node.kind }),
    );
    return names.sort((a, b) => (a.name < b.name ? -1 : 1));
  }
}

function removeInto(gone: SimulatedFile[], node: SimulatedNode): void {
  if (node.kind === 'file') {
    gone.push(node);
    return;
  }
  for (const [name, child] of [...node.entries]) {
    removeInto(gone, child);
    node.change({ name, node: undefined });
  }
}

export function statOf(node: SimulatedNode): DiskStat {
  const bytes = node.kind === 'file' ? node.bytes : 0;
  return { kind: node.kind, bytes, device: 1, inode: node.inode, modifiedMs: node.modifiedMs };
}

export function refuse(code: ErrorCode, path: string): LoomError {
  return new LoomError(code, `simulated disk: ${path}`, { details: { path, errno: 'simulated' } });
}

const longestNameChars = 255;

/** The names along a path; undefined for a path that no file system would take. */
function namesOf(path: string): string[] | undefined {
  if (!path.startsWith('/') || path.includes('\0')) return undefined;
  const names = path.split('/').filter((name) => name !== '');
  const impossible = names.some((name) => name === '..' || name === '.' || name.length > longestNameChars);
  return impossible ? undefined : names;
}
