/**
 * What happened in one run, as a hash and as the last lines of a transcript.
 *
 * T1. Everything that is told changes the hash, in the order in which it is told.
 * T2. Keeping a transcript changes nothing of the run, so a replay with one shows the run that failed.
 */
export class Trace {
  readonly #lines: string[] = [];
  readonly #keptLines: number;
  readonly #nowMs: () => number;
  #a = 0x9e3779b9;
  #b = 0x85ebca6b;

  /** `keptLines` 0 keeps no transcript. */
  constructor(nowMs: () => number, keptLines: number) {
    this.#nowMs = nowMs;
    this.#keptLines = keptLines;
  }

  /** Whether lines are kept: then it is worth telling what only people read. */
  get kept(): boolean {
    return this.#keptLines > 0;
  }

  number(value: number): void {
    view.setFloat64(0, value);
    this.#mix(view.getInt32(0));
    this.#mix(view.getInt32(4));
  }

  text(value: string): void {
    for (let i = 0; i < value.length; i++) this.#mix(value.charCodeAt(i));
  }

  /** A line of the transcript, with its time. It is hashed whether or not it is kept. */
  line(text: string): void {
    this.number(this.#nowMs());
    this.text(text);
    this.note(text);
  }

  /** A line that is not part of the hash. */
  note(text: string): void {
    if (this.#keptLines === 0) return;
    if (this.#lines.length >= 2 * this.#keptLines) this.#lines.splice(0, this.#keptLines);
    this.#lines.push(`${this.#nowMs().toFixed(3).padStart(12)}  ${text}`);
  }

  get transcript(): readonly string[] {
    return this.#lines.slice(-this.#keptLines);
  }

  get hash(): string {
    return hex(this.#a) + hex(this.#b);
  }

  #mix(value: number): void {
    this.#a = Math.imul(this.#a ^ value, 0x01000193);
    this.#b = Math.imul((this.#b ^ value) + (this.#a >>> 15), 0x5bd1e995);
  }
}

/** One hash for many, in their order. */
export function hashOfAll(hashes: readonly string[]): string {
  const trace = new Trace(() => 0, 0);
  for (const hash of hashes) trace.text(hash);
  return trace.hash;
}

const view = new DataView(new ArrayBuffer(8));

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
