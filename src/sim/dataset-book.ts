import type { SeededRandom } from '../runtime/simulation/seeded-random.ts';
import type { LifeSpan } from './life.ts';
import type { Violations } from './violations.ts';

/** A data set that a client wants to have stored. */
export interface Wanted {
  readonly name: string;
  readonly node: string;
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly chunkBytes: number;
  readonly blockBytes: number;
  /** The job that the cluster acknowledged; undefined as long as it has not. */
  job: string | undefined;
  /** The client has left: its last call may have been carried out or not. */
  unknown: boolean;
  /** Its source file was changed after the ingest was asked for. */
  changed: boolean;
  /** The manifest that the name was seen with first. */
  manifest: string | undefined;
  /** Read back whole and found equal, at a quiet point. */
  proven: boolean;
}

/**
 * What clients asked the cluster to keep, byte for byte.
 *
 * D1. An acknowledged job ends: done, or failed for a reason that this run gave it.
 * D2. A name keeps its job and, once it has one, its manifest.
 */
export class DatasetBook {
  readonly wanted: Map<string, Wanted> = new Map();
  /** Files in which this run has flipped bits, by node. */
  readonly damaged: Map<string, string[]> = new Map();
  /** How ingests and reads ended, for reading. */
  readonly ends: Record<string, number> = {};
  /** Whether somebody writes to the source of what is ingested next. */
  changeNextSource = false;
  readonly #violations: Violations;
  readonly #random: SeededRandom;
  readonly #asking = new Set<LifeSpan>();
  #next = 0;

  constructor(violations: Violations, random: SeededRandom) {
    this.#violations = violations;
    this.#random = random;
  }

  /** A new data set with a source on `node`; bytes and sizes come from the seed. */
  draw(node: string): Wanted {
    const random = this.#random;
    const name = `set ${this.#next++}`;
    const blockBytes = 1024 * (1 + random.below(3));
    const chunkBytes = blockBytes * (1 + random.below(4));
    const bytes = new Uint8Array(this.#size(chunkBytes));
    for (let i = 0; i < bytes.length; i++) bytes[i] = random.uint32();
    const wanted: Wanted = {
      ...{ name, node, bytes, chunkBytes, blockBytes },
      path: `${sourceFolder}/${name}`,
      ...{ job: undefined, unknown: false, changed: false, manifest: undefined, proven: false },
    };
    this.wanted.set(name, wanted);
    return wanted;
  }

  /** A client of this epoch waits for an answer that may begin a job. */
  asking(life: LifeSpan): { end(): void } {
    this.#asking.add(life);
    return { end: () => void this.#asking.delete(life) };
  }

  /** Clients that wait for an answer, on nodes that live. */
  get askingCount(): number {
    return [...this.#asking].filter(({ endedMs }) => endedMs === undefined).length;
  }

  /** Data sets that were never acknowledged and whose client has not left: nobody owes anything for them. */
  forget(wanted: Wanted): void {
    this.wanted.delete(wanted.name);
  }

  acknowledged(wanted: Wanted, job: string): void {
    if (wanted.job !== undefined && wanted.job !== job)
      this.#violations.broken('effect-once', `“${wanted.name}” was given to job ${wanted.job} and to ${job}`);
    wanted.job = job;
    this.end('ingest accepted');
  }

  /** The name has a manifest, as some node sees it. */
  named(wanted: Wanted, job: string, manifest: string | undefined): void {
    if (wanted.job !== undefined && wanted.job !== job)
      this.#violations.broken('effect-once', `“${wanted.name}” belongs to job ${job}, not to ${wanted.job}`);
    if (wanted.manifest !== undefined && manifest !== wanted.manifest)
      this.#violations.broken(
        'never-back',
        `“${wanted.name}” had manifest ${wanted.manifest}, now ${manifest}`,
      );
    wanted.manifest ??= manifest;
  }

  /** Bytes that a reader was given. */
  read(wanted: Wanted, given: Uint8Array): void {
    this.end('read back');
    if (Buffer.compare(given, wanted.bytes) === 0) return;
    this.#violations.broken(
      'bytes-verified',
      `“${wanted.name}” (${wanted.bytes.length} bytes) was read as ${given.length} other bytes`,
    );
  }

  /** Whether this run has damaged a copy of something of a data set on a node. */
  isDamaged(node: string, dataset: string): boolean {
    return this.damaged.get(node)?.some((path) => path.includes(dataset)) === true;
  }

  end(how: string): void {
    this.ends[how] = (this.ends[how] ?? 0) + 1;
  }

  #size(chunkBytes: number): number {
    const random = this.#random;
    switch (random.below(8)) {
      case 0:
        return random.below(2);
      case 1:
        return chunkBytes * (1 + random.below(4));
      case 2:
        return chunkBytes * (1 + random.below(4)) + (random.chance(0.5) ? 1 : -1);
      default:
        return 1 + random.below(24 * 1024);
    }
  }
}

export const sourceFolder = '/sources';
