import type { Clock, TimerHandle } from '../../ports/clock.ts';

/**
 * One timer for a deadline that mostly moves away. Moving it later costs nothing: it fires at the old time, and its
 * owner looks at what is due and arms it again. Only an earlier deadline touches the clock.
 */
export class LazyTimer {
  readonly #clock: Clock;
  readonly #run: (lateMs: number) => void;
  #handle: TimerHandle | undefined = undefined;
  #firesAtMs = Number.POSITIVE_INFINITY;

  /** `run` gets by how much the timer fired later than it was armed for, ms. */
  constructor(clock: Clock, run: (lateMs: number) => void) {
    this.#clock = clock;
    this.#run = run;
  }

  /** Makes sure that the timer fires at `dueMs` (monotonic) or before. */
  armAt(dueMs: number): void {
    if (dueMs >= this.#firesAtMs) return;
    this.cancel();
    this.#firesAtMs = dueMs;
    this.#handle = this.#clock.after(Math.max(0, dueMs - this.#clock.monotonicMs()), () => {
      this.#handle = undefined;
      this.#firesAtMs = Number.POSITIVE_INFINITY;
      this.#run(this.#clock.monotonicMs() - dueMs);
    });
  }

  cancel(): void {
    this.#handle?.cancel();
    this.#handle = undefined;
    this.#firesAtMs = Number.POSITIVE_INFINITY;
  }
}
