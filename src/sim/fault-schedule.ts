import type { SeededRandom } from '../runtime/simulation/seeded-random.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { FaultKind, FaultScene, Heal } from './faults/fault-kind.ts';
import type { NodeWork } from './life.ts';

interface Active {
  readonly kind: string;
  readonly heal: Heal;
}

/**
 * Faults by the seed: one after the other, at most two at once, each of them healed after a while.
 *
 * Each draws from a stream of its own, so that what is done does not depend on how a fault went.
 */
export class FaultSchedule<Work extends NodeWork> {
  /** How often each kind was begun. */
  readonly counts: Record<string, number> = {};
  readonly #scene: Omit<FaultScene<Work>, 'lastMs'>;
  readonly #cluster: SimulatedCluster<Work>;
  readonly #kinds: readonly FaultKind<Work>[];
  readonly #random: SeededRandom;
  readonly #active = new Set<Active>();
  #raging = false;
  #rage = 0;

  constructor(scene: Omit<FaultScene<Work>, 'lastMs'>, kinds: readonly FaultKind<Work>[]) {
    const { cluster } = scene;
    this.#cluster = cluster;
    this.#scene = scene;
    this.#kinds = kinds;
    this.#random = cluster.random.fork('faults');
    for (const { kind } of kinds) this.counts[kind] = 0;
  }

  begin(): void {
    this.#raging = true;
    const rage = ++this.#rage;
    const step = (): void => {
      if (!this.#raging || rage !== this.#rage) return;
      this.#one();
      this.#after(1000 + this.#random.below(12_000), step);
    };
    this.#after(this.#random.below(5000), step);
  }

  /** Heals everything and begins no more. */
  end(): void {
    this.#raging = false;
    for (const active of [...this.#active]) this.#heal(active);
  }

  #one(): void {
    if (this.#active.size >= mostAtOnce) return;
    const { kind, begin } = this.#draw();
    const lastMs = 500 + this.#random.below(this.#random.chance(0.3) ? 20_000 : 5000);
    this.#cluster.trace.line(`FAULT ${kind} for ${lastMs} ms`);
    const heal = begin({ ...this.#scene, lastMs });
    if (heal === undefined) return;
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    const active = { kind, heal };
    this.#active.add(active);
    this.#after(lastMs, () => this.#heal(active));
  }

  #draw(): FaultKind<Work> {
    let at = this.#random.float() * this.#kinds.reduce((sum, { weight }) => sum + weight, 0);
    for (const kind of this.#kinds) {
      at -= kind.weight;
      if (at < 0) return kind;
    }
    return this.#kinds[0] as FaultKind<Work>;
  }

  #heal(active: Active): void {
    if (!this.#active.delete(active)) return;
    this.#cluster.trace.line(`healed ${active.kind}`);
    active.heal();
  }

  #after(delayMs: number, run: () => void): void {
    const { time } = this.#cluster;
    time.at(time.nowMs + delayMs, run);
  }
}

const mostAtOnce = 2;
