import type { DeadLetter } from './facts.ts';

/** The last dead letters of a node, in a ring of fixed size: the oldest gives way, the count goes on. */
export class DeadLetters {
  readonly #ring: DeadLetter[] = [];
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
