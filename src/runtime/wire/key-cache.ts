/**
 * Field names come again with every message of a kind: this cache turns their bytes into the one string that was
 * made for them before. One place a hash, the newest wins: memory is bounded by `slots` times `keyCacheMaxBytes`
 * whatever peers send, and a miss only costs what it would have cost without the cache.
 */
class KeyCache {
  readonly #entries: (Entry | undefined)[] = new Array<Entry | undefined>(slots).fill(undefined);

  get(bytes: Uint8Array, at: number, size: number): string | undefined {
    const entry = this.#entries[slotOf(bytes, at, size)];
    if (entry === undefined || entry.bytes.length !== size) return undefined;
    for (let i = 0; i < size; i++) if (entry.bytes[i] !== bytes[at + i]) return undefined;
    return entry.text;
  }

  put(bytes: Uint8Array, at: number, size: number, text: string): void {
    this.#entries[slotOf(bytes, at, size)] = { bytes: Uint8Array.from(bytes.subarray(at, at + size)), text };
  }
}

interface Entry {
  readonly bytes: Uint8Array;
  readonly text: string;
}

function slotOf(bytes: Uint8Array, at: number, size: number): number {
  let hash = size;
  for (let i = at; i < at + size; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) & (slots - 1);
}

/** A power of two. */
const slots = 1024;

/** Longer names are not kept. */
export const keyCacheMaxBytes: number = 32;

export const sharedKeyCache: KeyCache = new KeyCache();
