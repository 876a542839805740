import type { Clock, TimerHandle } from '../../ports/clock.ts';

/**
 * Virtual time for whole clusters: one queue of events ordered by (time, order of scheduling).
 *
 * V1. Time moves only between events, and only forward.
 * V2. Microtasks are drained before each event, so a promise chain that an event set off ends before the next event.
 * V3. Two runs that schedule the same events in the same order run them in the same order.
 * V4. A process (a simulated node) gets its events through its own clock: while frozen they wait, once killed they
 *     are gone. Nothing of a killed process runs again.
 */
export class VirtualTime {
  #nowMs = 0;
  #order = 0;
  #eventCount = 0;
  readonly #queue: VirtualEvent[] = [];
  readonly #drainMicrotasks: () => Promise<void>;

  /** `drainMicrotasks` resolves in a later macrotask of the host (setImmediate). */
  constructor(drainMicrotasks: () => Promise<void>) {
    this.#drainMicrotasks = drainMicrotasks;
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events run so far. */
  get eventCount(): number {
    return this.#eventCount;
  }

  get pendingCount(): number {
    return this.#queue.length;
  }

  at(timeMs: number, run: () => void): TimerHandle {
    const event: VirtualEvent = {
      timeMs: Math.max(timeMs, this.#nowMs),
      order: this.#order++,
      run,
      cancelled: false,
    };
    push(this.#queue, event);
    return {
      cancel() {
        event.cancelled = true;
      },
    };
  }

  /** Runs events until `untilMs` (inclusive), or until `stop` says so after an event. Time ends at `untilMs`. */
  async run(untilMs: number, stop: () => boolean = () => false): Promise<void> {
    await this.#drainMicrotasks();
    for (;;) {
      const next = this.#queue[0];
      if (next === undefined || next.timeMs > untilMs) break;
      pop(this.#queue);
      if (next.cancelled) continue;
      this.#nowMs = next.timeMs;
      this.#eventCount++;
      next.run();
      await this.#drainMicrotasks();
      if (stop()) return;
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  process(): ProcessClock {
    return new ProcessClock(this);
  }
}

type ProcessState =
  | { readonly kind: 'running' }
  | { readonly kind: 'frozen'; readonly waiting: (() => void)[] }
  | { readonly kind: 'killed' };

/** The clock of one simulated process. Monotonic time passes while frozen, as it does for a stopped real process. */
export class ProcessClock implements Clock {
  readonly #time: VirtualTime;
  #state: ProcessState = { kind: 'running' };

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  get killed(): boolean {
    return this.#state.kind === 'killed';
  }

  get frozen(): boolean {
    return this.#state.kind === 'frozen';
  }

  monotonicMs(): number {
    return this.#time.nowMs;
  }

  wallMs(): number {
    return virtualWallStartMs + this.#time.nowMs;
  }

  after(delayMs: number, run: () => void): TimerHandle {
    if (this.#state.kind === 'killed') return { cancel() {} };
    let cancelled = false;
    const inner = this.#time.at(this.#time.nowMs + Math.max(0, delayMs), () => {
      this.enter(() => {
        if (!cancelled) run();
      });
    });
    return {
      cancel() {
        cancelled = true;
        inner.cancel();
      },
    };
  }

  soon(run: () => void): void {
    void Promise.resolve().then(() => {
      this.enter(run);
    });
  }

  later(run: () => void): void {
    this.after(0, run);
  }

  /** Runs `run` as this process: now when it runs, at the thaw when it is frozen, never once it is killed. */
  enter(run: () => void): void {
    const state = this.#state;
    if (state.kind === 'running') run();
    else if (state.kind === 'frozen') state.waiting.push(run);
  }

  freeze(): void {
    if (this.#state.kind === 'running') this.#state = { kind: 'frozen', waiting: [] };
  }

  thaw(): void {
    const state = this.#state;
    if (state.kind !== 'frozen') return;
    this.#state = { kind: 'running' };
    for (const run of state.waiting) this.after(0, run);
  }

  kill(): void {
    this.#state = { kind: 'killed' };
  }
}

/** 2026-01-01T00:00:00Z: wall time begins here in every simulation. */
const virtualWallStartMs = 1_767_225_600_000;

interface VirtualEvent {
  readonly timeMs: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

function before(a: VirtualEvent, b: VirtualEvent): boolean {
  return a.timeMs < b.timeMs || (a.timeMs === b.timeMs && a.order < b.order);
}

function push(heap: VirtualEvent[], event: VirtualEvent): void {
  let i = heap.push(event) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    const above = heap[parent] as VirtualEvent;
    if (!before(event, above)) break;
    heap[i] = above;
    i = parent;
  }
  heap[i] = event;
}

function pop(heap: VirtualEvent[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1] as VirtualEvent, heap[child] as VirtualEvent))
      child++;
    const below = heap[child] as VirtualEvent;
    if (!before(below, last)) break;
    heap[i] = below;
    i = child;
  }
  heap[i] = last;
}
