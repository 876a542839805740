import type { SeededRandom } from './seeded-random.ts';
import { DiskFaults, type DiskOperation } from './simulated-disk-faults.ts';
import { DiskTree } from './simulated-disk-tree.ts';

export interface SimulatedDiskOptions {
  readonly random: SeededRandom;
  /** How long a call takes, in virtual milliseconds, on mounts that have a clock. Default: no time. */
  readonly latencyMs?: (operation: DiskOperation, random: SeededRandom) => number;
  /** Bytes of files that fit. Default: no limit. */
  readonly capacityBytes?: number;
}

/** What the mounts of one simulated disk share. */
export class SimulatedVolume {
  readonly tree: DiskTree = new DiskTree();
  readonly random: SeededRandom;
  readonly faults: DiskFaults;
  capacityBytes: number;
  /** Bytes of all files that have a name. */
  usedBytes = 0;
  readonly #latencyMs: SimulatedDiskOptions['latencyMs'];

  constructor(options: SimulatedDiskOptions) {
    this.random = options.random;
    this.faults = new DiskFaults(options.random.fork('faults'));
    this.capacityBytes = options.capacityBytes ?? Number.MAX_SAFE_INTEGER;
    this.#latencyMs = options.latencyMs;
  }

  /** How long the next call takes. */
  nextLatencyMs(operation: DiskOperation): number {
    if (this.faults.slowMs > 0) this.faults.count('slow-call');
    return (this.#latencyMs?.(operation, this.random) ?? 0) + this.faults.slowMs;
  }
}
