import type { SeededRandom } from './seeded-random.ts';
import type { DiskFaults } from './simulated-disk-faults.ts';
import type { SimulatedFile } from './simulated-disk-file.ts';

export type SimulatedNode = SimulatedFile | SimulatedDirectory;

/** A name given to a node, or taken away. */
export interface NameChange {
  readonly name: string;
  readonly node: SimulatedNode | undefined;
}

/**
 * A folder on a simulated disk. Changes of names are pending until the folder is synced; power loss keeps or drops
 * each by itself. A rename inside one folder is one change; a rename between folders is one in each, so that power
 * loss may leave both names or neither.
 */
export class SimulatedDirectory {
  readonly kind: 'directory' = 'directory';
  readonly inode: number;
  modifiedMs = 0;
  readonly entries: Map<string, SimulatedNode> = new Map();
  readonly #durable: Map<string, SimulatedNode> = new Map();
  #pending: (readonly NameChange[])[] = [];
  #taken = 0;

  constructor(inode: number) {
    this.inode = inode;
  }

  /** Names the changes made so far, for `sync` and `loseUnsynced`. */
  get mark(): number {
    return this.#taken + this.#pending.length;
  }

  change(...changes: readonly NameChange[]): void {
    apply(this.entries, changes);
    this.#pending.push(changes);
  }

  sync(mark: number): void {
    for (const changes of this.#takePending(mark)) apply(this.#durable, changes);
  }

  loseUnsynced(mark: number): void {
    this.#takePending(mark);
  }

  /** Answers the nodes that are left. */
  losePower(random: SeededRandom, faults: DiskFaults): Iterable<SimulatedNode> {
    for (const changes of this.#takePending(this.mark)) {
      if (random.chance(0.5)) apply(this.#durable, changes);
      else faults.count('lost-name');
    }
    this.entries.clear();
    for (const [name, node] of this.#durable) this.entries.set(name, node);
    return this.entries.values();
  }

  #takePending(mark: number): (readonly NameChange[])[] {
    const taken = this.#pending.splice(0, Math.max(0, mark - this.#taken));
    this.#taken += taken.length;
    return taken;
  }
}

function apply(entries: Map<string, SimulatedNode>, changes: readonly NameChange[]): void {
  for (const { name, node } of changes) {
    if (node === undefined) entries.delete(name);
    else entries.set(name, node);
  }
}
