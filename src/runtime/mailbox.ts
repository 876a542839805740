import type { Envelope } from './envelope.ts';

/**
 * Waiting messages of one actor: two first-in-first-out lanes, linked through the envelopes themselves, so that an
 * idle actor holds no storage and a full one no spare.
 *
 * M1. `count` never exceeds `capacity`, except for messages put back in front (stash), which were counted before.
 *     What was given up while it waited counts until it is shifted, or swept when room is needed.
 * M2. The urgent lane is emptied before the normal one; order holds within a lane.
 */
export class Mailbox {
  #head: Envelope | undefined = undefined;
  #tail: Envelope | undefined = undefined;
  #urgentHead: Envelope | undefined = undefined;
  #urgentTail: Envelope | undefined = undefined;
  count = 0;

  push(envelope: Envelope): void {
    this.count++;
    if (envelope.definition.priority) {
      if (this.#urgentTail === undefined) this.#urgentHead = envelope;
      else this.#urgentTail.next = envelope;
      this.#urgentTail = envelope;
      return;
    }
    if (this.#tail === undefined) this.#head = envelope;
    else this.#tail.next = envelope;
    this.#tail = envelope;
  }

  shift(): Envelope | undefined {
    const urgent = this.#urgentHead;
    if (urgent !== undefined) {
      this.#urgentHead = urgent.next;
      if (urgent.next === undefined) this.#urgentTail = undefined;
      urgent.next = undefined;
      this.count--;
      return urgent;
    }
    return this.shiftOldest();
  }

  /** The oldest message of the normal lane: what `drop-oldest` gives up. */
  shiftOldest(): Envelope | undefined {
    const envelope = this.#head;
    if (envelope === undefined) return undefined;
    this.#head = envelope.next;
    if (envelope.next === undefined) this.#tail = undefined;
    envelope.next = undefined;
    this.count--;
    return envelope;
  }

  /** Puts messages back in front of the normal lane, in their order. */
  unshiftAll(envelopes: readonly Envelope[]): void {
    for (let i = envelopes.length - 1; i >= 0; i--) {
      const envelope = envelopes[i] as Envelope;
      envelope.next = this.#head;
      if (this.#head === undefined) this.#tail = envelope;
      this.#head = envelope;
      this.count++;
    }
  }

  /** Drops the messages that are closed already: given up while they waited. */
  sweep(): void {
    const kept = [...this].filter((envelope) => envelope.state !== 'closed');
    this.#head = undefined;
    this.#tail = undefined;
    this.#urgentHead = undefined;
    this.#urgentTail = undefined;
    this.count = 0;
    for (const envelope of kept) {
      envelope.next = undefined;
      this.push(envelope);
    }
  }

  /** Every waiting message, urgent ones first, for counting and listing. */
  *[Symbol.iterator](): Generator<Envelope> {
    for (let e = this.#urgentHead; e !== undefined; e = e.next) yield e;
    for (let e = this.#head; e !== undefined; e = e.next) yield e;
  }
}

export type OverflowPolicy = 'reject' | 'drop-oldest' | 'drop-newest' | 'block';

export interface MailboxOptions {
  /** Messages that may wait; 1 to 1,000,000; default 1,024. Raising it costs memory and delay under overload. */
  readonly capacity: number;
  /**
   * What a full mailbox does. `reject` tells the sender; `drop-oldest` and `drop-newest` book a drop; `block` lets
   * asks wait for room (at most `capacity` of them, within their deadlines) and rejects tells. Default `reject`.
   */
  readonly overflow: OverflowPolicy;
}
