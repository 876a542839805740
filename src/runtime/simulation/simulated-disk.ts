import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { SimulatedNode } from './simulated-disk-directory.ts';
import type { DiskFaults } from './simulated-disk-faults.ts';
import type { SimulatedFile } from './simulated-disk-file.ts';
import { SimulatedMount } from './simulated-disk-mount.ts';
import { type SimulatedDiskOptions, SimulatedVolume } from './simulated-disk-volume.ts';

/**
 * The disk of one simulated machine. It outlives the processes that mount it.
 *
 * S1. One seed and one order of calls give one outcome, byte for byte.
 * S2. What a process sees is not what power loss leaves: bytes become durable by `sync` of their file, names by
 *     `syncDirectory` of their folder, and by nothing else.
 * S3. After `processCrash` or `powerLoss` nothing of an earlier mount acts on the disk: calls on the way never
 *     settle, later ones are refused with DISK_CLOSED.
 * S4. A write that a crash cut short, or that failed, has left any part of itself.
 */
export class SimulatedDisk {
  readonly #volume: SimulatedVolume;
  #mounts: SimulatedMount[] = [];

  constructor(options: SimulatedDiskOptions) {
    this.#volume = new SimulatedVolume(options);
  }

  get faults(): DiskFaults {
    return this.#volume.faults;
  }

  /** Bytes of all files that have a name. */
  get usedBytes(): number {
    return this.#volume.usedBytes;
  }

  get capacityBytes(): number {
    return this.#volume.capacityBytes;
  }

  set capacityBytes(bytes: number) {
    this.#volume.capacityBytes = bytes;
  }

  /** The disk as one process sees it. With a clock, calls take time and stop with the process. */
  mount(clock?: Clock): Disk {
    const mount = new SimulatedMount(this.#volume, clock);
    this.#mounts.push(mount);
    return mount;
  }

  /** The processes are gone (kill -9), the machine is not: all that was written stays. */
  processCrash(): void {
    this.faults.count('process-crash');
    this.#endMounts();
  }

  /** The machine is gone and comes back: what was not synced is kept, lost or torn, piece by piece. */
  powerLoss(): void {
    this.faults.count('power-loss');
    this.#endMounts();
    this.#volume.usedBytes = 0;
    this.#losePower(this.#volume.tree.root, new Set());
  }

  /** A bit of a file changes at rest: bit `bit` counted from the first byte's lowest. */
  flipBit(path: string, bit: number): void {
    this.#volume.tree.existingFile(path).flip(bit);
    this.faults.count('bit-flip');
  }

  /** Flips a bit in some file below a folder; undefined when none has bytes. */
  flipRandomBit(below = '/'): { readonly path: string; readonly bit: number } | undefined {
    const files: { path: string; file: SimulatedFile }[] = [];
    collect(files, below === '/' ? '' : below, this.#volume.tree.directory(below));
    if (files.length === 0) return undefined;
    const { path, file } = this.#volume.random.pick(files);
    const bit = this.#volume.random.below(file.bytes * 8);
    this.flipBit(path, bit);
    return { path, bit };
  }

  #endMounts(): void {
    for (const mount of this.#mounts) mount.end();
    this.#mounts = [];
  }

  #losePower(node: SimulatedNode, visited: Set<SimulatedNode>): void {
    if (visited.has(node)) return;
    visited.add(node);
    if (node.kind === 'directory') {
      for (const child of node.losePower(this.#volume.random, this.faults)) this.#losePower(child, visited);
    } else {
      node.losePower(this.#volume.random, this.faults);
      this.#volume.usedBytes += node.bytes;
    }
  }
}

function collect(into: { path: string; file: SimulatedFile }[], path: string, node: SimulatedNode): void {
  if (node.kind === 'file') {
    if (node.bytes > 0) into.push({ path, file: node });
    return;
  }
  for (const [name, child] of node.entries) collect(into, `${path}/${name}`, child);
}
