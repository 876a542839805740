import type { Clock } from '../../ports/clock.ts';

/** The clock of the machine and the event loop of this process. Its timers keep the process alive. */
export function systemClock(): Clock {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, Math.min(Math.max(0, delayMs), longestDelayMs));
      return {
        cancel() {
          clearTimeout(timer);
        },
      };
    },
    soon(run) {
      void resolved.then(run);
    },
    later(run) {
      setImmediate(run);
    },
  };
}

/** Node turns longer delays into 1 ms. */
const longestDelayMs = 0x7fff_ffff;

/** A reaction to it is a microtask at a third of the price of queueMicrotask, which makes a resource for each. */
const resolved = Promise.resolve();
