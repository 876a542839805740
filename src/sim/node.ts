import type { BulkAttachment } from '../ports/bulk.ts';
import type { Disk } from '../ports/disk.ts';
import { ClusterNode, type ClusterNodeOptions } from '../runtime/cluster-node.ts';
import type { Fact } from '../runtime/facts.ts';
import type { SeededRandom } from '../runtime/simulation/seeded-random.ts';
import type { SimulatedDisk } from '../runtime/simulation/simulated-disk.ts';
import type { ProcessClock, VirtualTime } from '../runtime/simulation/virtual-time.ts';
import { type Life, type NodeWork, type Restart, restartAfter, type WorkPlace } from './life.ts';
import type { SimulatedBulk } from './simulated-bulk.ts';

export interface SimulatedNodeParts<Work extends NodeWork> {
  readonly name: string;
  readonly cloud: string;
  readonly time: VirtualTime;
  readonly random: SeededRandom;
  readonly disk: SimulatedDisk;
  readonly bulk: SimulatedBulk;
  readonly options: (
    process: ProcessClock,
  ) => Pick<ClusterNodeOptions, 'transport' | 'registry' | 'guardWith'>;
  readonly start: (place: WorkPlace) => Promise<Work>;
  readonly onFact: (life: Life<Work>, fact: Fact) => void;
  readonly told: (what: string) => void;
}

/**
 * A machine of the cluster with its disk, and the process of Loom that runs on it, again and again.
 *
 * M1. At most one process at a time; each begins with nothing but the disk.
 * M2. A node whose epoch has ended either joins again in the same process or is started anew, by chance: both are done
 *     to real nodes. One that escalated or cannot start is started anew.
 */
export class SimulatedNode<Work extends NodeWork> {
  readonly name: string;
  readonly cloud: string;
  readonly disk: SimulatedDisk;
  /** Every epoch so far; those of killed processes stay as their end found them. */
  readonly lives: Life<Work>[] = [];
  readonly #parts: SimulatedNodeParts<Work>;
  #process: ProcessClock;
  #up = false;
  #bulk: BulkAttachment | undefined = undefined;
  #thawedMs = 0;
  #boots = 0;

  constructor(parts: SimulatedNodeParts<Work>) {
    this.name = parts.name;
    this.cloud = parts.cloud;
    this.disk = parts.disk;
    this.#parts = parts;
    this.#process = parts.time.process();
  }

  get process(): ProcessClock {
    return this.#process;
  }

  /** The epoch that runs now, once it has joined; its work may still be starting. */
  get life(): Life<Work> | undefined {
    const life = this.lives.at(-1);
    return life === undefined || life.endedMs !== undefined ? undefined : life;
  }

  /** The work of the node when it is up, and neither killed nor frozen. */
  get work(): Work | undefined {
    return this.#process.frozen ? undefined : this.life?.work;
  }

  /** When the process was last thawed. */
  get thawedMs(): number {
    return this.#thawedMs;
  }

  boot(): void {
    this.#process = this.#parts.time.process();
    this.#up = true;
    this.#boots++;
    const mount = this.disk.mount(this.#process);
    this.#begin(this.#process, mount);
  }

  /** Ends the process at once and starts another after `downMs`. */
  kill(how: Restart, downMs: number): void {
    if (!this.#up) return;
    this.#up = false;
    this.#parts.told(`${how}, back in ${Math.round(downMs)} ms`);
    const process = this.#process;
    process.kill();
    this.#endLife(true);
    if (how === 'power-loss') this.disk.powerLoss();
    else this.disk.processCrash();
    this.#parts.time.at(this.#parts.time.nowMs + downMs, () => this.boot());
  }

  freeze(): void {
    this.#parts.told('frozen');
    this.#process.freeze();
  }

  thaw(): void {
    if (!this.#process.frozen) return;
    this.#parts.told('thawed');
    this.#thawedMs = this.#parts.time.nowMs;
    this.#process.thaw();
  }

  /** Drains the node in good order, then starts it again after `downMs`. */
  drain(downMs: number): void {
    const { life } = this;
    if (life?.work === undefined || this.#process.frozen) return;
    const { told } = this.#parts;
    told('drains');
    life.draining = true;
    const process = this.#process;
    life.cluster
      .drain(drainStepMs)
      .then(async ({ steps }) => {
        const overdue = steps.filter((step) => step.overdue).map(({ step }) => step);
        told(`drained${overdue.length > 0 ? `, overdue: ${overdue.join(', ')}` : ''}`);
        this.#bulk?.close();
        await life.work?.close();
      })
      .catch((error: unknown) => told(`drain failed: ${String(error)}`))
      .finally(() => {
        if (this.#process === process && !process.killed) this.kill('process-crash', downMs);
      });
  }

  #begin(process: ProcessClock, mount: Disk): void {
    this.#life(process, mount).catch((error: unknown) => {
      this.#parts.told(`does not start: ${String(error)}`);
      if (this.#process === process && !process.killed) this.kill(restartAfter(String(error)), restartMs);
    });
  }

  async #life(process: ProcessClock, mount: Disk): Promise<void> {
    const { name, cloud, random, options, start, onFact, told } = this.#parts;
    let life: Life<Work> | undefined;
    const cluster = await ClusterNode.join({
      member: {
        node: name,
        cloud,
        region: cloud,
        zone: name,
        version: '0',
        addresses: {},
        capabilities: {},
      },
      clock: process,
      random: random.fork(`engine-${this.#boots}-${this.lives.length}`),
      ...options(process),
      onFact: (fact) => {
        if (life !== undefined) onFact(life, fact);
      },
      ended: () => {
        told('its epoch has ended');
        if (random.chance(0.5)) this.#rejoin(process, mount);
        else this.#again(process);
      },
      escalated: (error) => {
        told(`escalated: ${String(error)}`);
        this.#again(process);
      },
    });
    life = {
      node: name,
      epoch: cluster.epoch,
      cluster,
      process,
      work: undefined,
      endedMs: undefined,
      draining: false,
      killed: false,
    };
    this.lives.push(life);
    told(`joined as epoch ${cluster.epoch}`);
    const bulk = this.#parts.bulk.plane(process).attach(name);
    this.#bulk = bulk;
    const stop = (why: string): void => {
      told(`stops: ${why}`);
      this.#again(process, restartAfter(why));
    };
    const place = {
      stop,
      life,
      cluster,
      process,
      disk: mount,
      bulk,
      cloud,
      random: random.fork(`work-${this.lives.length}`),
    };
    let work: Work;
    try {
      work = await start(place);
    } catch (thrown) {
      bulk.close();
      // What ended the epoch while it started has begun the next one.
      if (life.endedMs !== undefined) return;
      throw thrown;
    }
    if (life.endedMs === undefined) {
      life.work = work;
      told('up');
      return;
    }
    bulk.close();
    await work.close();
  }

  /** The process goes on; its cluster node is crashed and joins anew. */
  #rejoin(process: ProcessClock, mount: Disk): void {
    const life = this.life;
    if (life === undefined || life.process !== process) return;
    if (life.work === undefined) {
      this.#again(process);
      return;
    }
    this.#endLife(false);
    life.cluster.crash();
    const { work } = life;
    life.work = undefined;
    this.#bulk?.close();
    process.later(() => {
      work
        .close()
        .then(() => this.#begin(process, mount))
        .catch((error: unknown) => {
          this.#parts.told(`does not close: ${String(error)}`);
          this.#again(process);
        });
    });
  }

  #again(process: ProcessClock, how: Restart = 'process-crash'): void {
    process.after(restartMs, () => {
      if (this.#process === process) this.kill(how, restartMs);
    });
  }

  #endLife(killed: boolean): void {
    const { life } = this;
    if (life === undefined) return;
    life.endedMs = this.#parts.time.nowMs;
    life.killed = killed;
  }
}

const restartMs = 250;
const drainStepMs = 5000;
