import type { Clock } from '../ports/clock.ts';

/** What the scheduler runs: an actor with messages. */
export interface Runnable {
  nextReady: Runnable | undefined;
  /** Runs up to its share of turns; answers how many it ran. */
  activate(): number;
  /** True when it can run again at once. */
  readonly runnable: boolean;
}

/**
 * Turns run as microtasks within a budget, then the event loop gets its pass.
 *
 * C1. A ready actor stands in the queue once; actors run in the order in which they became ready.
 * C2. After `turnsPerPass` turns or about `passMs` in one pass of the event loop, the rest waits for a later pass, so
 *     that timers and sockets are never starved, however busy the actors keep each other.
 * C3. Time is read once per `turnsPerClockRead` turns: a clock read costs as much as a message.
 */
export interface SchedulerOptions {
  /** Default 4,096. */
  readonly turnsPerPass: number;
  /** Default 2. */
  readonly passMs: number;
  /** Hears of each pass that follows a used-up budget: what the loop owed meanwhile can be caught up on. */
  readonly passBegins?: (nowMs: number) => void;
}

const turnsPerClockRead = 32;

export class Scheduler {
  readonly #clock: Clock;
  readonly #options: SchedulerOptions;
  #head: Runnable | undefined = undefined;
  #tail: Runnable | undefined = undefined;
  #armed = false;
  #running = false;
  #turnsThisPass = 0;
  #turnsAtClockRead = 0;
  #passStartMs = 0;
  readonly #drainSoon = (): void => {
    this.#drain();
  };
  readonly #drainLater = (): void => {
    this.#turnsThisPass = 0;
    this.#turnsAtClockRead = 0;
    this.#passStartMs = this.#clock.monotonicMs();
    this.#options.passBegins?.(this.#passStartMs);
    this.#drain();
  };

  constructor(clock: Clock, options: SchedulerOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  ready(runnable: Runnable): void {
    if (this.#tail === undefined) this.#head = runnable;
    else this.#tail.nextReady = runnable;
    this.#tail = runnable;
    if (!this.#armed && !this.#running) this.#arm(this.#overBudget());
  }

  /** True when this pass has used up its time; reads the clock. */
  get overTime(): boolean {
    return this.#clock.monotonicMs() - this.#passStartMs > this.#options.passMs;
  }

  #arm(overBudget: boolean): void {
    this.#armed = true;
    if (overBudget) this.#clock.later(this.#drainLater);
    else this.#clock.soon(this.#drainSoon);
  }

  #overBudget(): boolean {
    if (this.#turnsThisPass >= this.#options.turnsPerPass) return true;
    if (this.#turnsThisPass - this.#turnsAtClockRead < turnsPerClockRead) return false;
    this.#turnsAtClockRead = this.#turnsThisPass;
    return this.overTime;
  }

  #drain(): void {
    this.#armed = false;
    this.#running = true;
    let overBudget = false;
    while (!overBudget) {
      const runnable = this.#head;
      if (runnable === undefined) break;
      this.#head = runnable.nextReady;
      if (this.#head === undefined) this.#tail = undefined;
      runnable.nextReady = undefined;
      this.#turnsThisPass += runnable.activate();
      overBudget = this.#overBudget();
    }
    this.#running = false;
    if (this.#head !== undefined) this.#arm(overBudget);
  }
}
