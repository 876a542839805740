/** A program that does one scenario in a process of its own and prints `{"value": number}` as its last line. */
export interface Contestant {
  readonly name: string;
  /** Path in `bench/`. */
  readonly program: string;
  /** What the program is asked to do. */
  readonly scenario: string;
}

/** What Loom's value is held against: another contestant, or a fixed limit. */
export interface Comparison {
  readonly peer: Contestant | { readonly name: string; readonly limit: number };
  /** What the ratio of Loom's median to the peer's should reach, or stay under. */
  readonly aim?: { readonly atLeast: number } | { readonly atMost: number };
}

export interface Scenario {
  readonly name: string;
  readonly unit: string;
  readonly loom: Contestant;
  readonly comparisons: readonly Comparison[];
  /** At most this many rounds: for scenarios that take long and hardly vary. */
  readonly roundsMax?: number;
}

export interface Suite {
  readonly name: string;
  readonly about: string;
  readonly scenarios: readonly Scenario[];
}
