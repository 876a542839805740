import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type FileHandle, link, open, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Writable } from 'node:stream';
import { diskError } from '../adapters/disk/errors.ts';
import { LoomError } from '../ports/loom-error.ts';

/** Where the bytes of a data set go. */
export interface ByteTarget {
  write(bytes: Uint8Array): Promise<void>;
  /** All bytes have come: makes them durable under their name. */
  commit(): Promise<void>;
  /** Leaves nothing behind. After `commit` it does nothing. */
  abort(): Promise<void>;
}

/** Bytes to a stream, as fast as it takes them. */
export function streamTarget(stream: Writable, signal: AbortSignal): ByteTarget {
  return {
    write: async (bytes) => {
      if (!stream.write(bytes)) await once(stream, 'drain', { signal });
    },
    commit: () => Promise.resolve(),
    abort: () => Promise.resolve(),
  };
}

/**
 * Bytes to a file, which appears whole or not at all: they go to a temporary file beside it, which is synced and
 * renamed. DISK_EXISTS when something stands there already, unless `force`.
 */
export async function openFileTarget(path: string, force: boolean): Promise<ByteTarget> {
  const part = join(dirname(path), `.${basename(path)}.${randomBytes(4).toString('hex')}.part`);
  const file = await onDisk(path, async () => {
    if (!force && (await exists(path))) throw taken(path);
    return open(part, 'wx', 0o644);
  });
  return new FileTarget(path, part, file, force);
}

class FileTarget implements ByteTarget {
  readonly #path: string;
  readonly #part: string;
  readonly #file: FileHandle;
  readonly #force: boolean;
  #over = false;

  constructor(path: string, part: string, file: FileHandle, force: boolean) {
    this.#path = path;
    this.#part = part;
    this.#file = file;
    this.#force = force;
  }

  write(bytes: Uint8Array): Promise<void> {
    return onDisk(this.#path, async () => {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await this.#file.write(bytes, done);
        done += bytesWritten;
      }
    });
  }

  commit(): Promise<void> {
    return onDisk(this.#path, async () => {
      await this.#file.sync();
      await this.#file.close();
      if (this.#force) await rename(this.#part, this.#path);
      else await renameNew(this.#part, this.#path);
      this.#over = true;
      const folder = await open(dirname(this.#path), 'r');
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    });
  }

  async abort(): Promise<void> {
    if (this.#over) return;
    this.#over = true;
    await this.#file.close();
    await onDisk(this.#path, () => rm(this.#part, { force: true }));
  }
}

/** A rename that replaces nothing, where the file system has hard links; elsewhere the moment between is left. */
async function renameNew(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code ?? '';
    if (code === 'EEXIST') throw taken(to);
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw thrown;
    if (await exists(to)) throw taken(to);
    await rename(from, to);
    return;
  }
  await rm(from);
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw thrown;
  }
}

function taken(path: string): LoomError {
  return new LoomError('DISK_EXISTS', `${path} exists; --force replaces it`, { details: { path } });
}

async function onDisk<T>(path: string, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    throw diskError(thrown, path);
  }
}
