/**
 * How long to wait for an acknowledgement (after RFC 6298): smoothed round trip plus four times its variation, within
 * limits; doubled after each wait in vain. Frames that were sent twice give no sample: their answer is ambiguous.
 */
export class RoundTrip {
  #smoothedMs: number | undefined = undefined;
  #variationMs = 0;
  #timeoutMs: number;
  readonly #leastMs: number;
  readonly #mostMs: number;

  constructor(leastMs: number, mostMs: number) {
    this.#leastMs = leastMs;
    this.#mostMs = mostMs;
    this.#timeoutMs = leastMs;
  }

  /** The smoothed round trip with the peer's acknowledgement delay in it, ms; undefined before the first sample. */
  get smoothedMs(): number | undefined {
    return this.#smoothedMs;
  }

  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  sample(ms: number): void {
    if (this.#smoothedMs === undefined) {
      this.#smoothedMs = ms;
      this.#variationMs = ms / 2;
    } else {
      this.#variationMs += (Math.abs(this.#smoothedMs - ms) - this.#variationMs) / 4;
      this.#smoothedMs += (ms - this.#smoothedMs) / 8;
    }
  }

  /** An acknowledgement moved on: waits are short again. */
  progress(): void {
    const wishedMs = (this.#smoothedMs ?? 0) + 4 * this.#variationMs;
    this.#timeoutMs = Math.min(this.#mostMs, Math.max(this.#leastMs, wishedMs));
  }

  backOff(): void {
    this.#timeoutMs = Math.min(this.#mostMs, this.#timeoutMs * 2);
  }
}
