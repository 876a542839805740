import type { SignalDefinition } from './definition.ts';
import type { DeadLetter } from './facts.ts';

/**
 * The last dead letters of a node, in a ring of fixed size: the oldest gives way, the count goes on. A signal is kept
 * beside its letter, so that it can be replayed; of an ask nothing is kept, since its caller is gone.
 */
export class DeadLetters {
  readonly #ring: DeadLetter[] = [];
  readonly #signals = new WeakMap<DeadLetter, KeptSignal>();
  readonly #capacity: number;
  #total = 0;

  /** `capacity`: letters kept, 1 or more. */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  add(letter: DeadLetter): void {
    this.#ring[this.#total % this.#capacity] = letter;
    this.#total++;
  }

  keep(letter: DeadLetter, signal: KeptSignal): void {
    this.#signals.set(letter, signal);
  }

  signalOf(letter: DeadLetter): KeptSignal | undefined {
    return this.#signals.get(letter);
  }

  get total(): number {
    return this.#total;
  }

  /** Oldest first. */
  list(): readonly DeadLetter[] {
    if (this.#total <= this.#capacity) return [...this.#ring];
    const first = this.#total % this.#capacity;
    return [...this.#ring.slice(first), ...this.#ring.slice(0, first)];
  }
}

export interface KeptSignal {
  readonly definition: SignalDefinition<unknown>;
  readonly body: unknown;
}
