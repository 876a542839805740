/** A promise that was broken: which, when, and how. */
export interface Violation {
  readonly seed: number;
  readonly atMs: number;
  readonly promise: SimulatedPromise;
  readonly message: string;
}

/** The promises that every seed is held to. */
export type SimulatedPromise =
  | 'conservation'
  | 'one-writer'
  | 'nothing-lost'
  | 'effect-once'
  | 'bytes-verified'
  | 'nothing-stuck'
  | 'order-kept'
  | 'never-back'
  | 'no-floating-rejection'
  | 'one-hash';

/** Where broken promises are told; the run ends with the first. */
export class Violations {
  readonly #seed: number;
  readonly #nowMs: () => number;
  readonly #told: (line: string) => void;
  #first: Violation | undefined = undefined;

  constructor(seed: number, nowMs: () => number, told: (line: string) => void) {
    this.#seed = seed;
    this.#nowMs = nowMs;
    this.#told = told;
  }

  get first(): Violation | undefined {
    return this.#first;
  }

  broken(promise: SimulatedPromise, message: string): void {
    if (this.#first !== undefined) return;
    this.#first = { seed: this.#seed, atMs: this.#nowMs(), promise, message };
    this.#told(`BROKEN ${promise}: ${message}`);
  }
}
