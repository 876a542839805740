import type { DiskFile, DiskStat } from '../../ports/disk.ts';
import type { DiskOperation } from './simulated-disk-faults.ts';
import type { SimulatedFile } from './simulated-disk-file.ts';
import { refuse, statOf } from './simulated-disk-tree.ts';

/** An open file of a simulated mount. */
export class SimulatedHandle implements DiskFile {
  readonly #host: HandleHost;
  readonly #file: SimulatedFile;
  readonly #path: string;
  readonly #writable: boolean;
  #closed = false;

  constructor(host: HandleHost, file: SimulatedFile, path: string, writable: boolean) {
    this.#host = host;
    this.#file = file;
    this.#path = path;
    this.#writable = writable;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#call('read', () => this.#file.read(into, position));
  }

  write(bytes: Uint8Array, position: number): Promise<void> {
    if (this.#closed) return this.#refuseClosed();
    if (!this.#writable) return Promise.reject(refuse('DISK_DENIED', this.#path));
    return this.#host.write(this.#file, this.#path, bytes, position);
  }

  sync(): Promise<void> {
    const mark = this.#file.mark;
    return this.#call(
      'sync',
      () => {
        this.#file.sync(mark);
      },
      () => {
        this.#file.loseUnsynced(mark);
      },
    );
  }

  truncate(bytes: number): Promise<void> {
    return this.#call('truncate', () => {
      if (!this.#writable) throw refuse('DISK_DENIED', this.#path);
      const before = this.#file.bytes;
      this.#file.truncate(bytes);
      this.#host.touch(this.#file, before);
    });
  }

  stat(): Promise<DiskStat> {
    return this.#call('stat', () => statOf(this.#file));
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #call<T>(operation: DiskOperation, act: () => T, fail?: () => void): Promise<T> {
    if (this.#closed) return this.#refuseClosed();
    return this.#host.call(operation, this.#path, act, fail);
  }

  #refuseClosed(): Promise<never> {
    return Promise.reject(refuse('DISK_CLOSED', this.#path));
  }
}

/** What an open file needs of the mount that opened it. */
export interface HandleHost {
  /** One I/O call: counted, delayed, perhaps failed. `fail` is what a failing call does before it throws. */
  call<T>(operation: DiskOperation, path: string, act: () => T, fail?: () => void): Promise<T>;
  write(file: SimulatedFile, path: string, bytes: Uint8Array, position: number): Promise<void>;
  /** Books that a file changed. */
  touch(file: SimulatedFile, bytesBefore: number): void;
}
