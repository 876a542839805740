import type { Random } from '../../ports/random.ts';

/**
 * xoshiro128** (Blackman and Vigna, 2018) seeded through splitmix32: one seed gives one sequence on every machine.
 * `fork` gives an independent stream under a name, so that drawing more numbers in one part of a simulation does not
 * change another part.
 */
export class SeededRandom implements Random {
  readonly #state: Uint32Array = new Uint32Array(4);

  constructor(seed: number) {
    let z = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      z = (z + 0x9e3779b9) >>> 0;
      let t = z ^ (z >>> 16);
      t = Math.imul(t, 0x21f0aaad);
      t ^= t >>> 15;
      t = Math.imul(t, 0x735a2d97);
      this.#state[i] = (t ^ (t >>> 15)) >>> 0;
    }
  }

  uint32(): number {
    const s = this.#state;
    const s0 = s[0] as number;
    const s1 = s[1] as number;
    const s2 = s[2] as number;
    const s3 = s[3] as number;
    const scrambled = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const t = s1 << 9;
    const n2 = s2 ^ s0;
    const n3 = s3 ^ s1;
    s[1] = s1 ^ n2;
    s[0] = s0 ^ n3;
    s[2] = n2 ^ t;
    s[3] = rotateLeft(n3, 11);
    return scrambled;
  }

  float(): number {
    return this.uint32() / 0x1_0000_0000;
  }

  below(boundExclusive: number): number {
    return Math.floor(this.float() * boundExclusive);
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  hex(bytes: number): string {
    let text = '';
    for (let i = 0; i < bytes; i++) text += (this.uint32() & 0xff).toString(16).padStart(2, '0');
    return text;
  }

  fork(name: string): SeededRandom {
    let hash = this.uint32();
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193) >>> 0;
    return new SeededRandom(hash);
  }
}

function rotateLeft(x: number, bits: number): number {
  return (x << bits) | (x >>> (32 - bits));
}
