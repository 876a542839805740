/** Randomness for jitter, sampling and ids. Seeded in the simulator; never used for secrets. */
export interface Random {
  /** A float in [0, 1). */
  float(): number;
  /** An integer in [0, boundExclusive). */
  below(boundExclusive: number): number;
  /** `bytes` random bytes as lower-case hex, for ids. */
  hex(bytes: number): string;
}
