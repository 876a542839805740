import type { Checksum } from '../ports/checksum.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Envelope } from './envelope.ts';

/**
 * Local messages pass by reference. In development and tests this finds who writes to one: plain objects and arrays
 * are frozen at the send, and the byte views in them are checksummed at the send and at the end of the turn.
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
    const views: SealedView[] = [];
    this.#freeze(envelope.body, views, 0);
    if (views.length > 0) this.#sealed.set(envelope, views);
  }

  /** Reports INTERNAL when a byte view changed between the send and the end of the turn. */
  verify(envelope: Envelope, address: string): void {
    const views = this.#sealed.get(envelope);
    if (views === undefined) return;
    this.#sealed.delete(envelope);
    for (const { view, crc32c } of views) {
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

  forget(envelope: Envelope): void {
    this.#sealed.delete(envelope);
  }

  #freeze(value: unknown, views: SealedView[], depth: number): void {
    if (typeof value !== 'object' || value === null || depth > maxDepth) return;
    if (value instanceof Uint8Array) {
      views.push({ view: value, crc32c: this.#checksum.crc32c(value) });
      return;
    }
    const plain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
    if (!plain || Object.isFrozen(value)) return;
    Object.freeze(value);
    for (const inner of Object.values(value)) this.#freeze(inner, views, depth + 1);
  }
}

interface SealedView {
  readonly view: Uint8Array;
  readonly crc32c: number;
}

const maxDepth = 64;
