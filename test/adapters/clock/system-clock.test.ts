import { expect, it } from 'vitest';
import { systemClock } from '../../../src/adapters/clock/system-clock.ts';

const clock = systemClock();

it('runs soon before later, both after the code that runs now', async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    clock.later(() => {
      order.push('later');
      resolve();
    });
    clock.soon(() => {
      order.push('soon');
    });
    order.push('now');
  });
  expect(order).toEqual(['now', 'soon', 'later']);
});

it('runs a timer not before its delay, and a cancelled one never', async () => {
  const startMs = clock.monotonicMs();
  let cancelledRan = false;
  const cancelled = clock.after(1, () => {
    cancelledRan = true;
  });
  cancelled.cancel();
  cancelled.cancel();
  await new Promise<void>((resolve) => {
    clock.after(5, resolve);
  });
  // Node counts a timer in whole milliseconds of the loop's own clock.
  expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(4);
  expect(cancelledRan).toBe(false);
});

it('does not turn a very long delay into none', async () => {
  let ran = false;
  const timer = clock.after(2 ** 40, () => {
    ran = true;
  });
  await new Promise<void>((resolve) => {
    clock.after(5, resolve);
  });
  timer.cancel();
  expect(ran).toBe(false);
});

it('tells wall time', () => {
  expect(clock.wallMs()).toBeGreaterThan(1_700_000_000_000);
});
