/**
 * A 53-bit hash of text for placement: the same on every machine and in every version, since who owns what hangs on it.
 *
 * Two 32-bit lanes take each UTF-16 code unit with different multipliers (of xxHash32), swap bits with each other at
 * the end, and pass through the finalizer of MurmurHash3, which lets every bit of the input flip each bit of the
 * output with a chance near one half. It is no defence against keys that are made to collide.
 */
export interface HashLanes {
  readonly high: number;
  readonly low: number;
}

export function hashText(text: string, seed: HashLanes = zeroSeed): HashLanes {
  let a = seed.high ^ prime4;
  let b = seed.low ^ prime5;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, prime1);
    a ^= a >>> 15;
    b = Math.imul(b ^ unit, prime2);
    b ^= b >>> 13;
  }
  a = finalize(a ^ text.length ^ Math.imul(b, prime3));
  b = finalize(b ^ Math.imul(a, prime1));
  return { high: a, low: b };
}

/** A float strictly between 0 and 1, from 52 bits of a hash. */
export function unitOf({ high, low }: HashLanes): number {
  return ((high >>> 12) * 0x1_0000_0000 + low + 0.5) / 2 ** 52;
}

function finalize(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

const zeroSeed: HashLanes = { high: 0, low: 0 };
const prime1 = 0x9e3779b1;
const prime2 = 0x85ebca77;
const prime3 = 0xc2b2ae3d;
const prime4 = 0x27d4eb2f;
const prime5 = 0x165667b1;
