import type { Clock, TimerHandle } from '../../ports/clock.ts';
import type { Epoch } from './decisions.ts';

/**
 * When each epoch ends if it is not renewed, on the registry's own monotonic clock, with one timer for all.
 *
 * D1. An epoch never ends earlier than the TTL after its last renewal. Later is allowed: holders stop themselves.
 * D2. A registry that itself stood still (its timer is late by more than a quarter of the TTL) cannot tell who is
 *     gone, since renewals waited behind it: every epoch gets a whole TTL from then on.
 * D3. An epoch that was told of as expired is never renewed again, even while its end still waits for the disk.
 */
export class Deadlines {
  readonly ttlMs: number;
  readonly #clock: Clock;
  readonly #expired: (epoch: Epoch) => void;
  readonly #entries: Map<number, Entry> = new Map();
  #timer: TimerHandle | undefined;
  #timerDueMs = Number.POSITIVE_INFINITY;
  #closed = false;

  /** `expired` is called once an epoch. */
  constructor(clock: Clock, ttlMs: number, expired: (epoch: Epoch) => void) {
    this.#clock = clock;
    this.ttlMs = ttlMs;
    this.#expired = expired;
  }

  /** Begins to count for an epoch; one that is known already is left as it is. */
  start(epoch: Epoch): void {
    if (this.#closed || this.#entries.has(epoch.epoch)) return;
    this.#entries.set(epoch.epoch, { epoch, dueMs: this.#clock.monotonicMs() + this.ttlMs, expired: false });
    if (this.#timer === undefined) this.#arm();
  }

  /** False when the epoch has ended, or is about to. */
  renew(epoch: number): boolean {
    const entry = this.#entries.get(epoch);
    if (entry === undefined || entry.expired) return false;
    entry.dueMs = this.#clock.monotonicMs() + this.ttlMs;
    return true;
  }

  forget(epoch: number): void {
    this.#entries.delete(epoch);
  }

  /** Tells of the epochs that are due. Called by the timer and before each call is judged, as a timer may be late. */
  sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs < this.#timerDueMs) return;
    const stoodStill = nowMs - this.#timerDueMs > this.ttlMs / 4;
    for (const entry of this.#entries.values()) {
      if (entry.expired) continue;
      if (stoodStill) {
        entry.dueMs = nowMs + this.ttlMs;
      } else if (entry.dueMs <= nowMs) {
        entry.expired = true;
        this.#expired(entry.epoch);
      }
    }
    this.#arm();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#timerDueMs = Number.POSITIVE_INFINITY;
    if (this.#closed) return;
    for (const { dueMs, expired } of this.#entries.values()) {
      if (!expired) this.#timerDueMs = Math.min(this.#timerDueMs, dueMs);
    }
    if (this.#timerDueMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#clock.after(this.#timerDueMs - this.#clock.monotonicMs(), () => {
      this.sweep();
    });
  }
}

interface Entry {
  readonly epoch: Epoch;
  dueMs: number;
  expired: boolean;
}
