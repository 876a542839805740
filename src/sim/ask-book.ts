import type { ProcessClock } from '../runtime/simulation/virtual-time.ts';
import { tickMs } from '../runtime/timer-wheel.ts';
import type { LifeSpan } from './life.ts';
import type { Violations } from './violations.ts';

interface Pending {
  readonly life: LifeSpan;
  readonly process: ProcessClock;
  readonly what: string;
  readonly untilMs: number;
}

/**
 * Asks that wait. None outlives its deadline by more than a tick, counted from its process's thaw when that was later;
 * none is forgotten.
 */
export class AskBook {
  readonly #violations: Violations;
  readonly #thawedMs: (node: string) => number;
  readonly #pending = new Set<Pending>();
  /** How asks ended, for reading. */
  readonly ends: Record<string, number> = {};

  constructor(violations: Violations, thawedMs: (node: string) => number) {
    this.#violations = violations;
    this.#thawedMs = thawedMs;
  }

  /** Follows an ask to its end; answers its value, or undefined when it failed. */
  async follow<T>(
    by: { readonly life: LifeSpan; readonly process: ProcessClock },
    what: string,
    deadlineMs: number,
    ask: Promise<T>,
  ): Promise<T | undefined> {
    const pending = { ...by, what, untilMs: by.process.monotonicMs() + deadlineMs };
    this.#pending.add(pending);
    try {
      const value = await ask;
      this.#ended(pending, 'answered');
      return value;
    } catch (thrown) {
      this.#ended(pending, (thrown as { readonly code?: string }).code ?? 'no code');
      return undefined;
    }
  }

  check(): void {
    for (const pending of this.#pending) {
      if (pending.life.endedMs !== undefined) this.#pending.delete(pending);
      else if (!pending.process.frozen && this.#lateMs(pending) > 0)
        this.#violations.broken('nothing-stuck', `${pending.what} from ${pending.life.node} has no end`);
    }
  }

  #ended(pending: Pending, how: string): void {
    this.#pending.delete(pending);
    this.ends[how] = (this.ends[how] ?? 0) + 1;
    const lateMs = this.#lateMs(pending);
    if (lateMs > 0 && pending.life.endedMs === undefined)
      this.#violations.broken(
        'nothing-stuck',
        `${pending.what} from ${pending.life.node} ended ${lateMs} ms after its deadline: ${how}`,
      );
  }

  /** Milliseconds beyond the deadline and the slack that it has. */
  #lateMs({ untilMs, process, life }: Pending): number {
    const dueMs = Math.max(untilMs, this.#thawedMs(life.node));
    return process.monotonicMs() - dueMs - slackMs;
  }
}

/** The engine's own tick, and one more for a deadline that a hop on the same node has counted again. */
const slackMs = 2 * tickMs + 1;
