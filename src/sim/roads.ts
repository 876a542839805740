import type { SimulatedNetwork } from '../runtime/simulation/simulated-network.ts';

/** Ends a cut; a second time does nothing. */
export interface Cut {
  mend(): void;
}

/**
 * Who reaches whom: the same cuts for messages, bulk streams and the registry.
 *
 * G1. A cut is directed. Cuts may overlap: a road is open when no cut of it is left.
 * G2. A place is a node or the registry; a cloud is the places in it.
 */
export class Roads {
  readonly #network: SimulatedNetwork;
  readonly #clouds = new Map<string, string>();
  readonly #cuts = new Map<string, number>();

  constructor(network: SimulatedNetwork) {
    this.#network = network;
  }

  place(name: string, cloud: string): void {
    this.#clouds.set(name, cloud);
    this.#network.place(name, cloud);
  }

  /** The places of a cloud, or all. */
  places(cloud?: string): readonly string[] {
    return [...this.#clouds.keys()].filter((name) => cloud === undefined || this.#clouds.get(name) === cloud);
  }

  isCut(from: string, to: string): boolean {
    return this.#cuts.size > 0 && this.#cuts.has(roadKey(from, to));
  }

  /** Milliseconds one way, without jitter. */
  delayMs(from: string, to: string): number {
    if (from === to) return loopbackMs;
    return this.#clouds.get(from) === this.#clouds.get(to) ? withinCloudMs : betweenCloudsMs;
  }

  /** Cuts every road from one of `from` to one of `to`. */
  cut(from: readonly string[], to: readonly string[]): Cut {
    const mends: (() => void)[] = [];
    for (const one of from) {
      for (const other of to) {
        if (one === other) continue;
        const key = roadKey(one, other);
        this.#cuts.set(key, (this.#cuts.get(key) ?? 0) + 1);
        const cut = this.#network.cut({ node: one }, { node: other });
        mends.push(() => {
          cut.mend();
          const left = (this.#cuts.get(key) ?? 1) - 1;
          if (left > 0) this.#cuts.set(key, left);
          else this.#cuts.delete(key);
        });
      }
    }
    return {
      mend: () => {
        for (const mend of mends.splice(0)) mend();
      },
    };
  }
}

const loopbackMs = 0.05;
export const withinCloudMs = 0.5;
export const betweenCloudsMs = 12;

function roadKey(from: string, to: string): string {
  return `${from}>${to}`;
}
