import type { BulkAttachment } from '../ports/bulk.ts';
import type { Disk } from '../ports/disk.ts';
import type { ClusterNode } from '../runtime/cluster-node.ts';
import type { SeededRandom } from '../runtime/simulation/seeded-random.ts';
import type { ProcessClock } from '../runtime/simulation/virtual-time.ts';

/** What runs on a node besides the engine. */
export interface NodeWork {
  /** Ends what the engine does not know of. */
  close(): Promise<void>;
}

/** From a join to the end of its epoch. */
export interface LifeSpan {
  readonly node: string;
  readonly epoch: number;
  /** Virtual ms; undefined while it lasts. */
  readonly endedMs: number | undefined;
  /** Its actors stop in good order, before the epoch ends. */
  readonly draining: boolean;
}

/** What work is started with. */
export interface WorkPlace {
  readonly life: LifeSpan;
  readonly cluster: ClusterNode;
  readonly process: ProcessClock;
  readonly random: SeededRandom;
  readonly disk: Disk;
  readonly bulk: BulkAttachment;
  readonly cloud: string;
  /** The work cannot go on in this process: it is started anew from its disk. */
  readonly stop: (why: string) => void;
}

/** One epoch of a node, from its join to its end. */
export interface Life<Work> extends LifeSpan {
  readonly cluster: ClusterNode;
  readonly process: ProcessClock;
  /** Undefined while it starts. */
  work: Work | undefined;
  endedMs: number | undefined;
  draining: boolean;
  /** How it ended: a process that was killed books nothing any more. */
  killed: boolean;
}

/** How a process ends: alone, or with its machine. */
export type Restart = 'process-crash' | 'power-loss';

/**
 * A file system that could not write its own records shuts down: it has to be mounted anew, and gives back what is on
 * the device. A new process alone would see names there that no sync makes durable any more.
 */
export function restartAfter(why: string): Restart {
  return why.includes('syncDirectory') ? 'power-loss' : 'process-crash';
}
