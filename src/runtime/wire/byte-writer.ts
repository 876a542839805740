/**
 * A growable, reusable buffer that bytes are appended to. Numbers are little-endian; a varuint holds seven bits a
 * byte, lowest first, and carries 0 to 2^53 - 1.
 *
 * Strings are UTF-8 with their byte length in front, and a lone surrogate is written as its own three bytes (the
 * form called WTF-8), so that every JavaScript string comes back exactly as it went in.
 */
export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  /** `capacityBytes` is what is allocated at first; it doubles when needed. */
  constructor(capacityBytes: number = 256) {
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of memory held. */
  get capacity(): number {
    return this.#bytes.length;
  }

  /** Forgets all bytes from `length` on; the memory stays for what is written next. */
  truncate(length: number = 0): void {
    this.#length = length;
  }

  /** What was written from `start` on, without a copy: valid until the next write or truncate. */
  view(start: number = 0): Uint8Array {
    return this.#bytes.subarray(start, this.#length);
  }

  /** A copy of what was written from `start` on, exactly as large as it is. */
  copy(start: number = 0): Uint8Array {
    return this.#bytes.slice(start, this.#length);
  }

  uint8(value: number): void {
    if (this.#length === this.#bytes.length) this.#grow(1);
    this.#bytes[this.#length++] = value;
  }

  varuint(value: number): void {
    if (this.#length + maxVaruintBytes > this.#bytes.length) this.#grow(maxVaruintBytes);
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value;
    while (rest >= 0x8000_0000) {
      bytes[at++] = (rest % 128) | 128;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 128) {
      bytes[at++] = (rest & 127) | 128;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  float64(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value, true);
    this.#length += 8;
  }

  uint64(value: bigint): void {
    this.#reserve(8);
    this.#view.setBigUint64(this.#length, value, true);
    this.#length += 8;
  }

  /** The bytes alone, without their length. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** The bytes with their length in front. */
  blob(bytes: Uint8Array): void {
    this.varuint(bytes.length);
    this.raw(bytes);
  }

  /** A string with its byte length in front. */
  string(text: string): void {
    const start = this.#length;
    this.varuint(text.length);
    if (this.#ascii(text)) return;
    this.#length = start;
    this.varuint(utf8Length(text));
    this.#utf8(text);
  }

  /** The bytes of a string alone; answers how many. */
  text(text: string): number {
    const start = this.#length;
    if (!this.#ascii(text)) this.#utf8(text);
    return this.#length - start;
  }

  /** Writes one byte at a place that was written before. */
  patchUint8(at: number, value: number): void {
    this.#bytes[at] = value;
  }

  /** Writes three bytes, lowest first, at a place that was written before. */
  patchUint24(at: number, value: number): void {
    this.#bytes[at] = value;
    this.#bytes[at + 1] = value >>> 8;
    this.#bytes[at + 2] = value >>> 16;
  }

  /** Writes `text` when it is ASCII throughout; otherwise leaves the length as it was. */
  #ascii(text: string): boolean {
    const size = text.length;
    this.#reserve(size);
    const at = this.#length;
    const bytes = this.#bytes;
    if (size >= nativeTextBytes) {
      const done = encoder.encodeInto(text, bytes.subarray(at, at + size));
      if (done.read !== size || done.written !== size) return false;
    } else {
      for (let i = 0; i < size; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 127) return false;
        bytes[at + i] = unit;
      }
    }
    this.#length = at + size;
    return true;
  }

  #utf8(text: string): void {
    this.#reserve(text.length * 3);
    const bytes = this.#bytes;
    let at = this.#length;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      if (unit < 0x80) {
        bytes[at++] = unit;
        continue;
      }
      if (unit < 0x800) {
        bytes[at++] = 0xc0 | (unit >> 6);
        bytes[at++] = 0x80 | (unit & 0x3f);
        continue;
      }
      const low = isHigh(unit) ? text.charCodeAt(i + 1) : 0;
      if (isLow(low)) {
        i++;
        const point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        bytes[at++] = 0xf0 | (point >> 18);
        bytes[at++] = 0x80 | ((point >> 12) & 0x3f);
        bytes[at++] = 0x80 | ((point >> 6) & 0x3f);
        bytes[at++] = 0x80 | (point & 0x3f);
        continue;
      }
      bytes[at++] = 0xe0 | (unit >> 12);
      bytes[at++] = 0x80 | ((unit >> 6) & 0x3f);
      bytes[at++] = 0x80 | (unit & 0x3f);
    }
    this.#length = at;
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes > this.#bytes.length) this.#grow(bytes);
  }

  #grow(bytes: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
    this.#view = new DataView(larger.buffer);
  }
}

/** How many bytes `text` takes as UTF-8, lone surrogates three each. */
function utf8Length(text: string): number {
  let bytes = text.length;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) continue;
    bytes += unit < 0x800 ? 1 : 2;
    // A pair is two units and four bytes: one more byte a unit, not two.
    if (isHigh(unit) && isLow(text.charCodeAt(i + 1))) i++;
  }
  return bytes;
}

function isHigh(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}

function isLow(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** From this length on the platform's encoder beats a loop. */
const nativeTextBytes = 48;
const maxVaruintBytes = 8;
const encoder = new TextEncoder();
