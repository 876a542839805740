import type { Clock } from '../../ports/clock.ts';
import type { Disk, DiskEntry, DiskFile, DiskOpenMode, DiskSpace, DiskStat } from '../../ports/disk.ts';
import type { LoomError } from '../../ports/loom-error.ts';
import type { DiskOperation } from './simulated-disk-faults.ts';
import type { SimulatedFile } from './simulated-disk-file.ts';
import { type HandleHost, SimulatedHandle } from './simulated-disk-handle.ts';
import { refuse, statOf } from './simulated-disk-tree.ts';
import type { SimulatedVolume } from './simulated-disk-volume.ts';

/** A simulated disk as one process sees it, from its start to its crash. */
export class SimulatedMount implements Disk, HandleHost {
  readonly #volume: SimulatedVolume;
  readonly #clock: Clock | undefined;
  readonly #writesOnTheWay: Set<WriteOnTheWay> = new Set();
  #ended = false;

  constructor(volume: SimulatedVolume, clock: Clock | undefined) {
    this.#volume = volume;
    this.#clock = clock;
  }

  open(path: string, mode: DiskOpenMode): Promise<DiskFile> {
    return this.call('open', path, () => {
      const { tree } = this.#volume;
      const make = mode === 'create' || (mode === 'write' && tree.find(path) === undefined);
      const file = make ? tree.createFile(path) : tree.existingFile(path);
      return new SimulatedHandle(this, file, path, mode !== 'read');
    });
  }

  rename(from: string, to: string): Promise<void> {
    const act = (): void => {
      this.#volume.usedBytes -= this.#volume.tree.rename(from, to)?.bytes ?? 0;
    };
    return this.call('rename', from, act, () => {
      // A failed call may have been carried out before its answer was lost.
      if (this.#volume.tree.find(from) !== undefined && this.#volume.random.chance(0.5)) act();
    });
  }

  remove(path: string): Promise<void> {
    return this.call('remove', path, () => {
      this.#volume.usedBytes -= this.#volume.tree.remove(path).bytes;
    });
  }

  removeTree(path: string): Promise<void> {
    return this.call('removeTree', path, () => {
      for (const file of this.#volume.tree.removeTree(path)) this.#volume.usedBytes -= file.bytes;
    });
  }

  makeDirectory(path: string): Promise<void> {
    return this.call('makeDirectory', path, () => {
      this.#volume.tree.makeDirectory(path);
    });
  }

  list(path: string): Promise<readonly DiskEntry[]> {
    return this.call('list', path, () => this.#volume.tree.list(path));
  }

  stat(path: string): Promise<DiskStat | undefined> {
    return this.call('stat', path, () => {
      const node = this.#volume.tree.find(path);
      return node === undefined ? undefined : statOf(node);
    });
  }

  syncDirectory(path: string): Promise<void> {
    const mark = markOf(this.#volume, path);
    return this.call(
      'syncDirectory',
      path,
      () => {
        this.#volume.tree.directory(path).sync(mark);
      },
      () => {
        this.#volume.tree.directory(path).loseUnsynced(mark);
      },
    );
  }

  space(path: string): Promise<DiskSpace> {
    return this.call('space', path, () => {
      if (this.#volume.tree.find(path) === undefined) throw refuse('DISK_NOT_FOUND', path);
      const { capacityBytes, usedBytes } = this.#volume;
      return { freeBytes: Math.max(0, capacityBytes - usedBytes), totalBytes: capacityBytes };
    });
  }

  /**
   * One I/O call: counted, delayed, perhaps failed. `act` is carried out when the call completes; `fail` is what a
   * failing call does in its stead before it throws.
   */
  call<T>(operation: DiskOperation, path: string, act: () => T, fail?: () => void): Promise<T> {
    if (this.#ended) return Promise.reject(refuse('DISK_CLOSED', path));
    const fault: LoomError | undefined = this.#volume.faults.next(operation, path);
    return new Promise<T>((resolve, reject) => {
      this.#complete(operation, () => {
        if (this.#ended) return;
        try {
          if (fault === undefined) resolve(act());
          else {
            fail?.();
            reject(fault);
          }
        } catch (thrown) {
          reject(thrown as LoomError);
        }
      });
    });
  }

  write(file: SimulatedFile, path: string, bytes: Uint8Array, position: number): Promise<void> {
    const onTheWay: WriteOnTheWay = { file, bytes, position };
    this.#writesOnTheWay.add(onTheWay);
    return this.call(
      'write',
      path,
      () => {
        this.#writesOnTheWay.delete(onTheWay);
        const fitting = this.#fittingBytes(file, bytes.length, position);
        this.#put(file, bytes.subarray(0, fitting), position);
        if (fitting < bytes.length) {
          this.#volume.faults.count('disk-full');
          throw refuse('DISK_FULL', path);
        }
      },
      () => {
        this.#writesOnTheWay.delete(onTheWay);
        this.#tearIn(onTheWay);
      },
    );
  }

  /** Ends the process: nothing of it acts on the disk any more, and its writes on the way are cut short. */
  end(): void {
    this.#ended = true;
    for (const onTheWay of this.#writesOnTheWay) this.#tearIn(onTheWay);
    this.#writesOnTheWay.clear();
  }

  touch(file: SimulatedFile, bytesBefore: number): void {
    this.#volume.usedBytes += file.bytes - bytesBefore;
    file.modifiedMs = this.#clock?.wallMs() ?? this.#volume.faults.calls;
  }

  #complete(operation: DiskOperation, run: () => void): void {
    const clock = this.#clock;
    const latencyMs = clock === undefined ? 0 : this.#volume.nextLatencyMs(operation);
    if (clock === undefined) void Promise.resolve().then(run);
    else if (latencyMs > 0) clock.after(latencyMs, run);
    else clock.soon(run);
  }

  #put(file: SimulatedFile, bytes: Uint8Array, position: number): void {
    const before = file.bytes;
    file.write(bytes, position);
    this.touch(file, before);
  }

  #tearIn({ file, bytes, position }: WriteOnTheWay): void {
    const before = file.bytes;
    const fitting = this.#fittingBytes(file, bytes.length, position);
    file.tearIn(bytes.subarray(0, fitting), position, this.#volume.random);
    this.#volume.faults.count('torn-write');
    this.touch(file, before);
  }

  #fittingBytes(file: SimulatedFile, bytes: number, position: number): number {
    const free = Math.max(0, this.#volume.capacityBytes - this.#volume.usedBytes);
    return Math.max(0, Math.min(bytes, file.bytes + free - position));
  }
}

interface WriteOnTheWay {
  readonly file: SimulatedFile;
  readonly bytes: Uint8Array;
  readonly position: number;
}

function markOf(volume: SimulatedVolume, path: string): number {
  const node = volume.tree.find(path);
  return node?.kind === 'directory' ? node.mark : 0;
}
