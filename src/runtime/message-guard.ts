import type { Checksum } from '../ports/checksum.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Envelope } from './envelope.ts';

/**
 * Local messages pass by reference. In development and tests this finds who writes to one: plain objects and arrays
 * of messages and replies are frozen, and the byte views in a message are checksummed at the send and at the end of
 * each of its turns.
 */
export class MessageGuard {
  readonly #checksum: Checksum;
  readonly #report: (error: LoomError) => void;
  readonly #sealed = new Map<Envelope, readonly SealedView[]>();

  constructor(checksum: Checksum, report: (error: LoomError) => void) {
    this.#checksum = checksum;
    this.#report = report;
  }

  seal(envelope: Envelope): void {
    const views = freezePlain(envelope.body).map((view) => ({ view, crc32c: this.#checksum.crc32c(view) }));
    if (views.length > 0) this.#sealed.set(envelope, views);
  }

  freeze(reply: unknown): void {
    freezePlain(reply);
  }

  /** Reports INTERNAL when a byte view changed between the send and the end of the turn. */
  verify(envelope: Envelope, address: string): void {
    for (const { view, crc32c } of this.#sealed.get(envelope) ?? []) {
      if (this.#checksum.crc32c(view) === crc32c) continue;
      const { protocolName, name } = envelope.definition;
      this.#report(
        new LoomError(
          'INTERNAL',
          `bytes of ${protocolName}.${name} to ${address} were written to after the send`,
        ),
      );
    }
  }

  /** Messages whose bytes are watched now. */
  get watched(): number {
    return this.#sealed.size;
  }

  forget(envelope: Envelope): void {
    this.#sealed.delete(envelope);
  }
}

/** Freezes plain objects and arrays, however deep, and answers the byte views among them. */
function freezePlain(value: unknown): Uint8Array[] {
  const views: Uint8Array[] = [];
  const seen = new Set<object>();
  const waiting = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null || seen.has(next)) continue;
    seen.add(next);
    if (ArrayBuffer.isView(next)) {
      views.push(new Uint8Array(next.buffer, next.byteOffset, next.byteLength));
    } else if (Array.isArray(next) || Object.getPrototypeOf(next) === Object.prototype) {
      Object.freeze(next);
      for (const inner of Object.values(next)) waiting.push(inner);
    }
  }
  return views;
}

interface SealedView {
  readonly view: Uint8Array;
  readonly crc32c: number;
}
