import type { LifeSpan } from './life.ts';
import type { Violations } from './violations.ts';
import type { Witness } from './witness.ts';

interface Watch {
  readonly watcher: LifeSpan;
  readonly target: string;
  /** The epoch of the target that lived when the watch was asked for. */
  readonly of: LifeSpan | undefined;
  told: number;
  givenUp: boolean;
}

/** Watches of actors on other nodes: told exactly once after their target's epoch ended, and never while it lives. */
export class WatchBook {
  readonly #violations: Violations;
  readonly #witness: Witness;
  #watches: Watch[] = [];
  /** Watches that were told. */
  told = 0;

  constructor(violations: Violations, witness: Witness) {
    this.#violations = violations;
    this.#witness = witness;
  }

  /** Notes a watch. `told` is to be called with the epoch that has ended, `givenUp` when nobody waits any more. */
  watched(watcher: LifeSpan, target: string): { told(epoch: number): void; givenUp(): void } {
    const of = this.#witness
      .lives(target)
      .findLast(({ endedMs, epoch }) => endedMs === undefined && !this.#witness.epochEnded(target, epoch));
    const watch: Watch = { watcher, target, of, told: 0, givenUp: false };
    this.#watches.push(watch);
    const told = (epoch: number): void => {
      this.told++;
      watch.told++;
      if (watch.givenUp) this.#broken(watch, 'was told after it was given up');
      if (watch.told > 1) this.#broken(watch, `was told ${watch.told} times`);
      const draining = this.#witness.lives(target).some((life) => life.epoch === epoch && life.draining);
      if (!draining && !this.#witness.epochEnded(target, epoch))
        this.#broken(watch, `was told that epoch ${epoch} has ended, which lives`);
    };
    const givenUp = (): void => {
      watch.givenUp = true;
    };
    return { told, givenUp };
  }

  /** At a quiet point: every watch whose target has ended was told. */
  settle(): void {
    this.#watches = this.#watches.filter((watch) => {
      if (watch.watcher.endedMs !== undefined || watch.told > 0 || watch.givenUp) return false;
      if (watch.of?.endedMs !== undefined)
        this.#broken(watch, `was never told that epoch ${watch.of.epoch} has ended`);
      return true;
    });
  }

  #broken({ watcher, target }: Watch, what: string): void {
    this.#violations.broken('nothing-stuck', `the watch by ${watcher.node} of ${target} ${what}`);
  }
}
