import type { Clock, TimerHandle } from '../ports/clock.ts';

/**
 * Deadlines of asks: a hashed wheel (Varghese and Lauck, 1987), since most deadlines are cancelled long before they
 * are due, and both must cost a few pointer writes.
 *
 * W1. An entry is due at the first tick at or after its deadline, so at most `tickMs` late and never early. An ask's
 *     deadline is counted from the end of the pass of the event loop in which it was made: the clock is read once for
 *     all asks of a pass, and most of them are answered by then.
 * W2. Removing an entry frees it at once: the wheel holds live entries only.
 * W3. One host timer at most, set for the nearest slot that holds an entry. Removing the last entry leaves it set, since
 *     the next ask is seldom far; it fires once at most on an empty wheel, and `rest` takes it off.
 */
export interface WheelEntry {
  deadlineMs: number;
  wheelBefore: WheelEntry | undefined;
  wheelAfter: WheelEntry | undefined;
  due(): void;
}

/** An entry whose deadline is not known yet: `budgetMs` from the end of this pass of the event loop. */
export interface BudgetEntry extends WheelEntry {
  readonly budgetMs: number;
}

/** The deadline of a BudgetEntry until its pass ends. */
export const undated = Number.POSITIVE_INFINITY;

export const tickMs = 8;
const slotCount = 1024;

export class TimerWheel {
  readonly #clock: Clock;
  readonly #slots: (WheelEntry | undefined)[] = new Array<WheelEntry | undefined>(slotCount).fill(undefined);
  /** Asks of this pass. */
  #undated: BudgetEntry | undefined = undefined;
  #dating = false;
  #size = 0;
  #armedTick = Number.POSITIVE_INFINITY;
  #timer: TimerHandle | undefined = undefined;
  readonly #fire = (): void => {
    this.#advance();
  };

  readonly #date = (): void => {
    this.#dating = false;
    this.#dateAll();
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#size;
  }

  add(entry: WheelEntry): void {
    const tick = tickOf(entry.deadlineMs);
    const slot = tick % slotCount;
    const first = this.#slots[slot];
    entry.wheelAfter = first;
    entry.wheelBefore = undefined;
    if (first !== undefined) first.wheelBefore = entry;
    this.#slots[slot] = entry;
    this.#size++;
    if (tick < this.#armedTick) this.#arm(tick);
  }

  /** Adds an entry that gets its deadline, and its slot, when this pass ends. */
  addUndated(entry: BudgetEntry): void {
    const first = this.#undated;
    entry.wheelAfter = first;
    entry.wheelBefore = undefined;
    if (first !== undefined) first.wheelBefore = entry;
    this.#undated = entry;
    this.#size++;
    if (this.#dating) return;
    this.#dating = true;
    this.#clock.later(this.#date);
  }

  remove(entry: WheelEntry): void {
    const before = entry.wheelBefore;
    const after = entry.wheelAfter;
    if (entry === this.#undated) {
      this.#undated = after as BudgetEntry | undefined;
    } else if (before === undefined) {
      const slot = tickOf(entry.deadlineMs) % slotCount;
      if (this.#slots[slot] !== entry) return;
      this.#slots[slot] = after;
    } else {
      before.wheelAfter = after;
    }
    if (after !== undefined) after.wheelBefore = before;
    entry.wheelBefore = undefined;
    entry.wheelAfter = undefined;
    this.#size--;
  }

  /** For a loop that was busy when its timer was due: what is owed by `nowMs` is due before the next turn. */
  catchUp(nowMs: number): void {
    if (nowMs < this.#armedTick * tickMs) return;
    this.#timer?.cancel();
    this.#advance();
  }

  /** Takes the timer off an empty wheel, so that it keeps no process alive. */
  rest(): void {
    if (this.#size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedTick = Number.POSITIVE_INFINITY;
  }

  #dateAll(): void {
    let entry = this.#undated;
    if (entry === undefined) return;
    this.#undated = undefined;
    const nowMs = this.#clock.monotonicMs();
    while (entry !== undefined) {
      const after = entry.wheelAfter as BudgetEntry | undefined;
      entry.deadlineMs = nowMs + entry.budgetMs;
      this.#size--;
      this.add(entry);
      entry = after;
    }
  }

  #arm(tick: number): void {
    this.#timer?.cancel();
    this.#armedTick = tick;
    this.#timer = this.#clock.after(Math.max(0, tick * tickMs - this.#clock.monotonicMs()), this.#fire);
  }

  #advance(): void {
    const nowMs = this.#clock.monotonicMs();
    const firstTick = this.#armedTick;
    const lastTick = Math.floor(nowMs / tickMs);
    this.#armedTick = Number.POSITIVE_INFINITY;
    this.#timer = undefined;
    const due: WheelEntry[] = [];
    const slots = Math.min(lastTick - firstTick + 1, slotCount);
    for (let i = 0; i < slots; i++) {
      let entry = this.#slots[(firstTick + i) % slotCount];
      while (entry !== undefined) {
        const after: WheelEntry | undefined = entry.wheelAfter;
        if (entry.deadlineMs <= nowMs) {
          this.remove(entry);
          due.push(entry);
        }
        entry = after;
      }
    }
    if (this.#size > 0) {
      const next = this.#nextTick(lastTick);
      if (next < this.#armedTick) this.#arm(next);
    }
    for (const entry of due) entry.due();
  }

  /** The nearest tick after `tick` whose slot holds an entry; it may be of a later round, then it is looked at again. */
  #nextTick(tick: number): number {
    for (let i = 1; i <= slotCount; i++) {
      if (this.#slots[(tick + i) % slotCount] !== undefined) return tick + i;
    }
    return tick + slotCount;
  }
}

function tickOf(deadlineMs: number): number {
  return Math.ceil(deadlineMs / tickMs);
}
