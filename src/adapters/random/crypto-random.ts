import { randomFillSync } from 'node:crypto';
import type { Random } from '../../ports/random.ts';

/** Randomness of the operating system, drawn in blocks: one system call serves hundreds of draws. */
export function cryptoRandom(): Random {
  const pool = new Uint8Array(poolBytes);
  const view = new DataView(pool.buffer);
  let position = poolBytes;

  /** The position of `bytes` fresh bytes in the pool. */
  function take(bytes: number): number {
    if (position + bytes > poolBytes) {
      randomFillSync(pool);
      position = 0;
    }
    position += bytes;
    return position - bytes;
  }

  function float(): number {
    const at = take(8);
    // 53 bits, as many as a float in [0, 1) can hold.
    const high = view.getUint32(at) >>> 5;
    const low = view.getUint32(at + 4) >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000;
  }

  return {
    float,
    below: (boundExclusive) => Math.floor(float() * boundExclusive),
    hex(bytes) {
      let text = '';
      for (let i = 0; i < bytes; i++) text += (pool[take(1)] as number).toString(16).padStart(2, '0');
      return text;
    },
  };
}

const poolBytes = 4096;
