import { LoomError } from '../../ports/loom-error.ts';

const hashBytes = 32;

/** Writes the fields of a file's header one behind the other, big-endian. */
export class HeaderWriter {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset);
    this.#at = start;
  }

  u32(value: number): void {
    this.#view.setUint32(this.#at, value);
    this.#at += 4;
  }

  /** A safe integer in eight bytes. */
  u53(value: number): void {
    this.u32(Math.floor(value / 0x1_0000_0000));
    this.u32(value >>> 0);
  }

  /** 64 hex digits in 32 bytes. */
  hash(hex: string): void {
    for (let i = 0; i < hashBytes; i++) {
      this.#bytes[this.#at + i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
    }
    this.#at += hashBytes;
  }

  /** Its UTF-8 behind its length in two bytes. */
  text(value: string): void {
    const encoded = new TextEncoder().encode(value);
    this.#view.setUint16(this.#at, encoded.length);
    this.#bytes.set(encoded, this.#at + 2);
    this.#at += 2 + encoded.length;
  }
}

/** Reads what a `HeaderWriter` wrote, out of bytes that have been verified. */
export class HeaderReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#at = start;
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u53(): number {
    const high = this.u32();
    return high * 0x1_0000_0000 + this.u32();
  }

  hash(): string {
    const at = this.#take(hashBytes);
    let hex = '';
    for (let i = 0; i < hashBytes; i++) hex += (this.#bytes[at + i] as number).toString(16).padStart(2, '0');
    return hex;
  }

  text(): string {
    const length = this.#view.getUint16(this.#take(2));
    const at = this.#take(length);
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(this.#bytes.subarray(at, at + length));
  }

  #take(bytes: number): number {
    const at = this.#at;
    this.#at += bytes;
    if (this.#at > this.#bytes.length)
      throw new LoomError('CHECKSUM_MISMATCH', 'a field lies behind the header’s end');
    return at;
  }
}
