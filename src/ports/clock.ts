/**
 * Time and turns of the event loop, as the only way in which pure rooms learn of either.
 *
 * Units are milliseconds. `monotonicMs` never goes back and is what every deadline, lease and timer is measured on;
 * `wallMs` is for display alone and may jump.
 */
export interface Clock {
  monotonicMs(): number;
  wallMs(): number;
  /** Runs `run` once, not before `delayMs` from now. The handle cancels it; cancelling twice is harmless. */
  after(delayMs: number, run: () => void): TimerHandle;
  /** Runs `run` in this pass of the event loop, after the code that is running now (a microtask). */
  soon(run: () => void): void;
  /** Runs `run` in a later pass of the event loop, after timers and sockets had their chance (a macrotask). */
  later(run: () => void): void;
}

export interface TimerHandle {
  cancel(): void;
}
