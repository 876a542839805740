/**
 * Field names come again with every message of a kind: this cache turns their bytes into the one string that was
 * made for them before. One place a hash, the newest wins: memory is bounded by `slots` times `keyCacheMaxBytes`
 * whatever peers send, and a miss only costs what it would have cost without the cache.
 */
interface Entry {
  readonly bytes: Uint8Array;
  readonly text: string;
}

/** A power of two. */
const slots = 1024;

/** Longer names are not kept. */
export const keyCacheMaxBytes: number = 32;

const entries: (Entry | undefined)[] = new Array<Entry | undefined>(slots).fill(undefined);

export function keySlot(bytes: Uint8Array, at: number, size: number): number {
  let hash = size;
  for (let i = at; i < at + size; i++) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) & (slots - 1);
}

export function cachedKey(slot: number, bytes: Uint8Array, at: number, size: number): string | undefined {
  const entry = entries[slot];
  if (entry === undefined) return undefined;
  const known = entry.bytes;
  if (known.length !== size) return undefined;
  for (let i = 0; i < size; i++) if (known[i] !== bytes[at + i]) return undefined;
  return entry.text;
}

/** Keeps `text` for these bytes and answers the string to use from now on. */
export function rememberKey(slot: number, bytes: Uint8Array, at: number, size: number, text: string): string {
  // The string that an object keeps as its key is the engine's own single copy: later field writes with it are
  // faster than with a string that was just built.
  const own = Object.keys({ [text]: 0 })[0] ?? text;
  entries[slot] = { bytes: Uint8Array.from(bytes.subarray(at, at + size)), text: own };
  return own;
}
