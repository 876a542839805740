import type { Random } from '../../ports/random.ts';
import type { LinkOptions } from './link-options.ts';

/** When to say hello next, and for how long it is worth the trouble. Times are monotonic milliseconds. */
export class Attempts {
  readonly #options: LinkOptions;
  readonly #random: Random;
  #made = 0;
  #dueMs = Number.POSITIVE_INFINITY;
  #wantedUntilMs = Number.NEGATIVE_INFINITY;

  constructor(options: LinkOptions, random: Random) {
    this.#options = options;
    this.#random = random;
  }

  /** When the next hello is due; infinity when none is planned. */
  get dueMs(): number {
    return this.#dueMs;
  }

  wanted(nowMs: number): boolean {
    return nowMs < this.#wantedUntilMs;
  }

  /** Somebody has a use for the link: a hello goes out now unless one is planned already. */
  want(nowMs: number): void {
    this.#wantedUntilMs = nowMs + this.#options.wantedForMs;
    if (this.#dueMs === Number.POSITIVE_INFINITY) this.#dueMs = nowMs;
  }

  /** The peer waits for our hello: no reason to wait for the backoff. */
  hurry(nowMs: number): void {
    this.#wantedUntilMs = Math.max(this.#wantedUntilMs, nowMs + this.#options.downAfterMs);
    this.#dueMs = nowMs;
  }

  /** One more hello has left: the next comes after a jittered backoff. */
  made(nowMs: number): void {
    const { reconnectMs, reconnectMaxMs } = this.#options;
    const waitMs = Math.min(reconnectMaxMs, reconnectMs * 2 ** Math.min(this.#made, 30));
    this.#made++;
    this.#dueMs = nowMs + waitMs * (0.5 + this.#random.float() / 2);
  }

  /** The link went down: the count of attempts begins again, after a first wait. */
  restart(nowMs: number): void {
    this.#made = 0;
    this.made(nowMs);
    this.#wantedUntilMs = nowMs + this.#options.wantedForMs;
  }

  /** No hello is planned: the link is up, or nobody wants it. */
  park(): void {
    this.#made = 0;
    this.#dueMs = Number.POSITIVE_INFINITY;
  }
}
