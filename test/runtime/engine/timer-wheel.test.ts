import fc from 'fast-check';
import { expect, it } from 'vitest';
import { VirtualTime } from '../../../src/runtime/simulation/virtual-time.ts';
import {
  type BudgetEntry,
  TimerWheel,
  tickMs,
  undated,
  type WheelEntry,
} from '../../../src/runtime/timer-wheel.ts';

class Entry implements WheelEntry {
  wheelBefore: WheelEntry | undefined = undefined;
  wheelAfter: WheelEntry | undefined = undefined;
  firedAtMs: number | undefined = undefined;
  removed = false;
  readonly deadlineMs: number;
  /** When it should fire: at its deadline, or at once when that had passed already. */
  readonly owedAtMs: number;
  readonly #time: VirtualTime;
  readonly #then: () => void;

  constructor(time: VirtualTime, deadlineMs: number, then: () => void = () => undefined) {
    this.#time = time;
    this.deadlineMs = deadlineMs;
    this.owedAtMs = Math.max(deadlineMs, time.nowMs);
    this.#then = then;
  }

  due(): void {
    expect(this.firedAtMs, 'due once').toBeUndefined();
    expect(this.removed, 'not due after its removal').toBe(false);
    this.firedAtMs = this.#time.nowMs;
    this.#then();
  }
}

/** No promises hang on wheel entries: nothing needs to be drained. */
const newTime = (): VirtualTime => new VirtualTime(() => Promise.resolve());

/** Sixteenths of a millisecond: finer than any clock that the wheel is driven by. */
const ms = (least: number, most: number) =>
  fc.integer({ min: least * 16, max: most * 16 }).map((sixteenths) => sixteenths / 16);
const does = (kind: 'add' | 'remove' | 'pass', inMs: fc.Arbitrary<number>) =>
  fc.record({ kind: fc.constant(kind), inMs });
const command = fc.oneof(
  { weight: 5, arbitrary: does('add', ms(-50, 20_000)) },
  { weight: 5, arbitrary: does('add', ms(0, 60)) },
  { weight: 3, arbitrary: does('remove', fc.nat(1000)) },
  { weight: 3, arbitrary: does('pass', ms(0, 300)) },
  { weight: 1, arbitrary: does('pass', ms(0, 9000)) },
);

it('agrees with a list that is looked through: never early, at most a tick late, removed is gone', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(command, { maxLength: 80 }), async (commands) => {
      const time = newTime();
      const clock = time.process();
      const wheel = new TimerWheel(clock);
      const entries: Entry[] = [];
      const live = () => entries.filter((entry) => entry.firedAtMs === undefined && !entry.removed);
      const check = () => {
        expect(wheel.size).toBe(live().length);
        for (const entry of live()) expect(time.nowMs - entry.owedAtMs).toBeLessThanOrEqual(tickMs);
      };
      for (const { kind, inMs } of commands) {
        if (kind === 'pass') {
          await time.run(time.nowMs + inMs);
        } else if (kind === 'remove') {
          const waiting = live();
          const entry = waiting[inMs % Math.max(1, waiting.length)];
          if (entry !== undefined) {
            wheel.remove(entry);
            entry.removed = true;
            wheel.remove(entry);
          }
        } else {
          const entry = new Entry(time, time.nowMs + inMs);
          entries.push(entry);
          wheel.add(entry);
        }
        check();
      }
      const endMs = time.nowMs + 40_000;
      await time.run(endMs);
      check();
      expect(live()).toEqual([]);
      for (const entry of entries) {
        if (entry.removed) continue;
        const lateMs = (entry.firedAtMs as number) - entry.owedAtMs;
        expect(lateMs).toBeGreaterThanOrEqual(0);
        expect(lateMs).toBeLessThan(tickMs);
      }
      expect(time.pendingCount, 'an empty wheel sets no timer').toBe(0);
    }),
    { numRuns: 200 },
  );
});

it('an entry may add and remove others while it is due', async () => {
  const time = newTime();
  const wheel = new TimerWheel(time.process());
  const second = new Entry(time, 10);
  const added = new Entry(time, 16);
  const first = new Entry(time, 9, () => wheel.add(added));
  wheel.add(first);
  wheel.add(second);
  await time.run(16);
  expect([first.firedAtMs, second.firedAtMs, added.firedAtMs]).toEqual([16, 16, 16]);
  expect(wheel.size).toBe(0);
});

it('keeps one host timer, whatever it holds, and none after rest on an empty wheel', async () => {
  const time = newTime();
  const wheel = new TimerWheel(time.process());
  const entries = [5000, 3000, 1000, 4000].map((ms) => new Entry(time, ms));
  for (const entry of entries) wheel.add(entry);
  let live = 0;
  await time.run(100, () => {
    live++;
    return false;
  });
  expect(live, 'nothing is due yet').toBe(0);
  wheel.rest();
  await time.run(1000);
  expect(entries.map((entry) => entry.firedAtMs)).toEqual([undefined, undefined, 1000, undefined]);
  for (const entry of entries) wheel.remove(entry);
  wheel.rest();
  const before = time.eventCount;
  await time.run(10_000);
  expect(time.eventCount).toBe(before);
});

it('a host timer that fires late makes all due that it skipped, over more than a round too', () => {
  for (const lateMs of [100, 20_000]) {
    let nowMs = 0;
    let fire: (() => void) | undefined;
    const wheel = new TimerWheel({
      monotonicMs: () => nowMs,
      wallMs: () => 0,
      soon: () => undefined,
      later: () => undefined,
      after: (_delayMs, run) => {
        fire = run;
        return { cancel: () => undefined };
      },
    });
    const due: number[] = [];
    for (const deadlineMs of [10, 40, 70, 30_000]) {
      wheel.add({
        deadlineMs,
        wheelBefore: undefined,
        wheelAfter: undefined,
        due: () => void due.push(deadlineMs),
      });
    }
    nowMs = lateMs;
    fire?.();
    expect(due.toSorted((a, b) => a - b)).toEqual([10, 40, 70]);
    expect(wheel.size).toBe(1);
    nowMs = 29_999;
    wheel.catchUp(nowMs);
    expect(wheel.size).toBe(1);
    nowMs = 30_000;
    wheel.catchUp(nowMs);
    expect(wheel.size).toBe(0);
  }
});

it('asks of one pass get their deadlines together when it ends; those that are over by then get none', () => {
  let nowMs = 0;
  let clockReads = 0;
  const laters: (() => void)[] = [];
  let fire: (() => void) | undefined;
  const wheel = new TimerWheel({
    monotonicMs: () => {
      clockReads++;
      return nowMs;
    },
    wallMs: () => 0,
    soon: () => undefined,
    later: (run) => void laters.push(run),
    after: (_delayMs, run) => {
      fire = run;
      return { cancel: () => undefined };
    },
  });
  const due: number[] = [];
  const entries = [10, 20, 30, 40].map((budgetMs): BudgetEntry => {
    return {
      budgetMs,
      deadlineMs: undated,
      wheelBefore: undefined,
      wheelAfter: undefined,
      due: () => void due.push(budgetMs),
    };
  });
  const [first, second, third, fourth] = entries as [BudgetEntry, BudgetEntry, BudgetEntry, BudgetEntry];
  for (const entry of entries) wheel.addUndated(entry);
  wheel.remove(fourth);
  wheel.remove(second);
  wheel.remove(second);
  expect([wheel.size, clockReads, laters.length]).toEqual([2, 0, 1]);
  nowMs = 5;
  laters.shift()?.();
  expect([first.deadlineMs, third.deadlineMs]).toEqual([15, 35]);
  expect([second.deadlineMs, fourth.deadlineMs]).toEqual([undated, undated]);
  nowMs = 16;
  fire?.();
  expect([due, wheel.size]).toEqual([[10], 1]);
  wheel.remove(third);
  wheel.addUndated(second);
  wheel.remove(second);
  laters.shift()?.();
  expect([wheel.size, laters.length]).toEqual([0, 0]);
});
