import type { FileHandle } from 'node:fs/promises';
import type { DiskFile, DiskStat } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { diskError } from './errors.ts';
import { diskStat } from './map.ts';

/** An open regular file. Reads and writes are positional, so calls on one file may overlap. */
export class NodeFile implements DiskFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  #closed: Promise<void> | undefined;

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#call(async () => {
      let done = 0;
      while (done < into.length) {
        const { bytesRead } = await this.#handle.read(into, done, into.length - done, position + done);
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    });
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    return this.#call(async () => {
      let done = 0;
      while (done < bytes.length) {
        const { bytesWritten } = await this.#handle.write(bytes, done, bytes.length - done, position + done);
        // The kernel writes at least a byte or says why not; anything else would loop for ever.
        if (bytesWritten === 0)
          throw new LoomError('DISK_IO', 'the system wrote nothing', { details: { path: this.#path } });
        done += bytesWritten;
      }
    });
  }

  sync(): Promise<void> {
    return this.#call(() => this.#handle.datasync());
  }

  truncate(bytes: number): Promise<void> {
    return this.#call(() => this.#handle.truncate(bytes));
  }

  stat(): Promise<DiskStat> {
    return this.#call(async () => diskStat(await this.#handle.stat()));
  }

  close(): Promise<void> {
    this.#closed ??= this.#handle.close().catch((thrown: unknown) => {
      throw diskError(thrown, this.#path);
    });
    return this.#closed;
  }

  async #call<T>(run: () => Promise<T>): Promise<T> {
    if (this.#closed !== undefined) {
      throw new LoomError('DISK_CLOSED', `${this.#path} is closed`, { details: { path: this.#path } });
    }
    try {
      return await run();
    } catch (thrown) {
      throw diskError(thrown, this.#path);
    }
  }
}
