import { describe, expect, it } from 'vitest';
import type { Clock, TimerHandle } from '../../../src/ports/clock.ts';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';
import { type Runnable, Scheduler } from '../../../src/runtime/scheduler.ts';
import { codeOf, fail, type Puppet, puppet } from './puppet.ts';
import { drainMicrotasks, World } from './world.ts';

/** A clock whose time moves only when the test says so, with the passes of the event loop in the test's hand. */
class HandClock implements Clock {
  nowMs = 0;
  reads = 0;
  readonly laters: (() => void)[] = [];
  readonly soons: (() => void)[] = [];

  monotonicMs(): number {
    this.reads++;
    return this.nowMs;
  }

  wallMs(): number {
    return 0;
  }

  after(): TimerHandle {
    return { cancel: () => undefined };
  }

  soon(run: () => void): void {
    this.soons.push(run);
  }

  later(run: () => void): void {
    this.laters.push(run);
  }

  /** Runs what is due in this pass, as microtasks follow each other. */
  pass(): void {
    for (let run = this.soons.shift(); run !== undefined; run = this.soons.shift()) run();
  }

  nextPass(): void {
    for (const run of this.laters.splice(0)) run();
    this.pass();
  }
}

/** Always has more to do; each activation is `share` turns. */
class Busy implements Runnable {
  nextReady: Runnable | undefined = undefined;
  readonly runnable = true;
  turns = 0;
  readonly #scheduler: Scheduler;
  readonly #share: number;
  readonly #each: () => void;

  constructor(scheduler: Scheduler, share: number, each: () => void = () => undefined) {
    this.#scheduler = scheduler;
    this.#share = share;
    this.#each = each;
  }

  activate(): number {
    for (let i = 0; i < this.#share; i++) {
      this.turns++;
      this.#each();
    }
    this.#scheduler.ready(this);
    return this.#share;
  }
}

describe('scheduler', () => {
  it('runs turns as microtasks, and yields by a macrotask after turnsPerPass of them', () => {
    const clock = new HandClock();
    const scheduler = new Scheduler(clock, { turnsPerPass: 100, passMs: 1000 });
    const busy = new Busy(scheduler, 1);
    scheduler.ready(busy);
    expect([clock.soons.length, clock.laters.length]).toEqual([1, 0]);
    clock.pass();
    expect([busy.turns, clock.soons.length, clock.laters.length]).toEqual([100, 0, 1]);
    clock.nextPass();
    expect([busy.turns, clock.laters.length]).toEqual([200, 1]);
  });

  it('yields after about passMs, however few turns that were', () => {
    const clock = new HandClock();
    const scheduler = new Scheduler(clock, { turnsPerPass: 4096, passMs: 2 });
    const slow = new Busy(scheduler, 1, () => {
      clock.nowMs += 0.5;
    });
    scheduler.ready(slow);
    clock.pass();
    expect(clock.laters).toHaveLength(1);
    expect(slow.turns).toBeLessThanOrEqual(32);
  });

  it('reads the clock a few times per thousand turns', () => {
    const clock = new HandClock();
    const scheduler = new Scheduler(clock, { turnsPerPass: 4096, passMs: 2 });
    const busy = new Busy(scheduler, 1);
    scheduler.ready(busy);
    clock.pass();
    expect(busy.turns).toBe(4096);
    expect(clock.reads).toBeLessThanOrEqual(4096 / 32);
  });

  it('runs actors in the order in which they became ready', () => {
    const clock = new HandClock();
    const scheduler = new Scheduler(clock, { turnsPerPass: 6, passMs: 2 });
    const order: string[] = [];
    for (const name of ['a', 'b', 'c']) scheduler.ready(new Busy(scheduler, 1, () => order.push(name)));
    clock.pass();
    expect(order.join('')).toBe('abcabc');
  });
});

it('timers are not starved by an endless ping-pong', async () => {
  const world = new World({ turnsPerPass: 64 });
  let hits = 0;
  let over = false;
  const one = world.system.spawn(puppet());
  const two = world.system.spawn(puppet());
  const ping = (to: ActorRef<typeof Puppet>, back: ActorRef<typeof Puppet>): void => {
    hits++;
    if (!over) to.tell.act(() => ping(back, to));
  };
  ping(one, two);
  world.clock.after(0, () => {
    over = true;
  });
  await world.run();
  expect(over).toBe(true);
  expect(hits).toBeLessThan(200);
});

it('sockets are not starved either: the host’s own event loop gets its pass', async () => {
  const world = new World({
    clock: {
      monotonicMs: () => performance.now(),
      wallMs: () => 0,
      after: (delayMs, run) => {
        const timer = setTimeout(run, delayMs);
        return { cancel: () => clearTimeout(timer) };
      },
      soon: (run) => queueMicrotask(run),
      later: (run) => void setImmediate(run),
    },
  });
  let over = false;
  let turns = 0;
  const ref = world.system.spawn(puppet());
  const again = async (): Promise<void> => {
    await Promise.resolve();
    if (!over && ++turns < 1_000_000) ref.tell.act(again);
  };
  ref.tell.act(again);
  await drainMicrotasks();
  await drainMicrotasks();
  over = true;
  await drainMicrotasks();
  expect(turns).toBeLessThan(1_000_000);
  await world.system.close();
});

it('one busy actor starves nobody: an activation runs at most turnsPerActivation turns', async () => {
  const world = new World();
  const order: string[] = [];
  const busy = world.system.spawn(puppet(order, { turnsPerActivation: 5 }));
  const other = world.system.spawn(puppet(order));
  for (let i = 0; i < 12; i++) busy.tell.note('busy');
  other.tell.note('other');
  await world.run();
  expect(order.slice(2).join(' ')).toBe('busy busy busy busy busy other busy busy busy busy busy busy busy');
});

it('an activation of slow turns ends when the pass has used up its time', () => {
  const clock = new HandClock();
  const world = new World({ clock });
  let turns = 0;
  const ref = world.system.spawn(puppet());
  for (let i = 0; i < 64; i++) {
    ref.tell.act(() => {
      turns++;
      clock.nowMs += 1;
    });
  }
  clock.pass();
  expect(turns).toBeLessThanOrEqual(32);
  expect(clock.laters).toHaveLength(1);
  while (clock.laters.length > 0) clock.nextPass();
  expect(turns).toBe(64);
});

it('deadlines that passed while the loop was busy are due before the next pass’s turns', async () => {
  const clock = new HandClock();
  const world = new World({ clock });
  const log: string[] = [];
  const ref = world.system.spawn(puppet(log));
  for (let i = 0; i < 64; i++) {
    ref.tell.act(() => {
      clock.nowMs += 10;
    });
  }
  const late = codeOf(ref.ask.call(() => log.push('handled'), { deadlineMs: 50 }));
  clock.pass();
  expect(clock.laters.length).toBeGreaterThan(0);
  while (clock.laters.length > 0) clock.nextPass();
  expect(await late).toBe('DEADLINE_EXCEEDED');
  expect(log).toEqual(['start 1']);
});

it('a handler that throws stops neither its own actor’s next turns nor those of others', async () => {
  const world = new World();
  const log: string[] = [];
  const broken = world.system.spawn(puppet(log), { onFailure: 'resume' });
  const other = world.system.spawn(puppet(log));
  broken.tell.act(() => fail());
  broken.tell.note('next');
  other.tell.note('other');
  await world.run();
  expect(log).toEqual(['start 1', 'start 1', 'next', 'other']);
});

it('one turn at a time: messages wait until the handler’s promise has settled', async () => {
  const world = new World();
  const log: string[] = [];
  const ref = world.system.spawn(puppet(log));
  ref.tell.act(async () => {
    log.push('begin');
    await new Promise<void>((resolve) => world.clock.after(50, resolve));
    log.push('end');
  });
  ref.tell.note('next');
  await world.run(49);
  expect(log).toEqual(['start 1', 'begin']);
  await world.run(1);
  expect(log).toEqual(['start 1', 'begin', 'end', 'next']);
});
