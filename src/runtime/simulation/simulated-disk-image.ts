/** The bytes of a file in pages that two images may share; a page is copied before a write when the other has it too. */
export class DiskImage {
  bytes = 0;
  #pages: (Uint8Array | undefined)[] = [];

  read(into: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(into.length, this.bytes - position));
    let done = 0;
    while (done < count) {
      const at = position + done;
      const offset = at % pageBytes;
      const length = Math.min(pageBytes - offset, count - done);
      const page = this.#pages[(at - offset) / pageBytes];
      if (page === undefined) into.fill(0, done, done + length);
      else into.set(page.subarray(offset, offset + length), done);
      done += length;
    }
    return count;
  }

  write(bytes: Uint8Array, position: number, twin: DiskImage): void {
    let done = 0;
    while (done < bytes.length) {
      const at = position + done;
      const offset = at % pageBytes;
      const length = Math.min(pageBytes - offset, bytes.length - done);
      const index = (at - offset) / pageBytes;
      if (length === pageBytes) this.#pages[index] = bytes.slice(done, done + length);
      else this.#own(index, twin).set(bytes.subarray(done, done + length), offset);
      done += length;
    }
    this.bytes = Math.max(this.bytes, position + bytes.length);
  }

  truncate(bytes: number, twin: DiskImage): void {
    if (bytes < this.bytes) {
      const offset = bytes % pageBytes;
      const last = (bytes - offset) / pageBytes;
      if (offset > 0 && this.#pages[last] !== undefined) this.#own(last, twin).fill(0, offset);
      this.#pages.length = Math.min(this.#pages.length, offset > 0 ? last + 1 : last);
    }
    this.bytes = bytes;
  }

  /** Becomes equal to `other`, sharing its pages. */
  adopt(other: DiskImage): void {
    this.#pages = other.#pages.slice();
    this.bytes = other.bytes;
  }

  flip(bit: number, twin: DiskImage): void {
    const at = Math.floor(bit / 8);
    if (at >= this.bytes) return;
    const offset = at % pageBytes;
    const page = this.#own((at - offset) / pageBytes, twin);
    page[offset] = (page[offset] as number) ^ (1 << (bit % 8));
  }

  #own(index: number, twin: DiskImage): Uint8Array {
    const page = this.#pages[index];
    if (page !== undefined && twin.#pages[index] !== page) return page;
    const own = page === undefined ? new Uint8Array(pageBytes) : page.slice();
    this.#pages[index] = own;
    return own;
  }
}

const pageBytes = 4096;
