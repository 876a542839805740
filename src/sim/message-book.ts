import type { DeadLetter } from '../runtime/facts.ts';
import type { LifeSpan } from './life.ts';
import type { Violations } from './violations.ts';
import type { Witness } from './witness.ts';

interface Sent {
  readonly id: string;
  readonly from: LifeSpan;
  readonly to: string;
  readonly atMs: number;
  /** The epoch that handled it. */
  handledBy: LifeSpan | undefined;
  letter: DeadLetter | undefined;
  /** The node that booked it; its sender has the same record from it. */
  bookedBy: LifeSpan | undefined;
}

/**
 * Each message of the load by its id: what its sender was told, who handled it, which dead letter it became.
 *
 * B1. A message is handled at most once, and never after its sender was told that it was not taken.
 * B2. Messages of one sender's epoch to one receiver's epoch are handled in the order of their sending.
 * B3. A message that was certainly not delivered has not been handled; one that is lost may have been, by an epoch that
 *     has ended.
 */
export class MessageBook {
  readonly #violations: Violations;
  readonly #witness: Witness;
  readonly #sent = new Map<string, Sent>();
  readonly #lastHandled = new Map<string, number>();
  #count = 0;
  /** How messages ended, for reading. */
  readonly ends: Record<string, number> = {};

  constructor(violations: Violations, witness: Witness) {
    this.#violations = violations;
    this.#witness = witness;
  }

  /** Opens a message; answers its id, 32 hex digits as trace ids have. */
  sent(from: LifeSpan, to: string): string {
    const id = (++this.#count).toString(16).padStart(32, '0');
    this.#sent.set(id, {
      id,
      from,
      to,
      atMs: this.#witness.nowMs(),
      handledBy: undefined,
      letter: undefined,
      bookedBy: undefined,
    });
    return id;
  }

  /** The sender was told at once that the message was not taken. */
  refused(id: string): void {
    const sent = this.#sent.get(id);
    if (sent?.handledBy !== undefined) this.#broken('conservation', id, 'was refused and handled');
    this.#sent.delete(id);
    this.#end('refused at once');
  }

  handled(id: string, by: LifeSpan, flow: string, sequence: number): void {
    const sent = this.#sent.get(id);
    if (sent === undefined) {
      this.#broken('conservation', id, 'was handled although it was refused or never sent');
      return;
    }
    if (sent.handledBy !== undefined) this.#broken('effect-once', id, 'was handled twice');
    if (sent.letter !== undefined && !this.#lostTo(by, sent.letter))
      this.#broken('conservation', id, `was handled after it was booked ${sent.letter.state}`);
    sent.handledBy = by;
    const last = this.#lastHandled.get(flow) ?? -1;
    if (sequence <= last) this.#broken('order-kept', id, `number ${sequence} of ${flow} came after ${last}`);
    this.#lastHandled.set(flow, sequence);
  }

  deadLetter(by: LifeSpan, letter: DeadLetter): void {
    const sent = letter.traceId === undefined ? undefined : this.#sent.get(letter.traceId);
    if (sent === undefined) return;
    const { handledBy, letter: before, bookedBy } = sent;
    if (handledBy !== undefined && letter.state !== 'failed' && !this.#lostTo(handledBy, letter)) {
      this.#broken('conservation', sent.id, `was handled and is booked ${letter.state} (${letter.code})`);
    } else if (before !== undefined && bookedBy !== undefined && !this.#isRecord(sent, by, letter)) {
      // What is lost may have had another end in the epoch that has ended.
      if (!this.#lostTo(bookedBy, letter) && !this.#lostTo(by, before))
        this.#broken(
          'conservation',
          sent.id,
          `is booked ${letter.state} (${letter.code}) after ${before.state} (${before.code})`,
        );
    }
    sent.letter ??= letter;
    sent.bookedBy ??= by;
  }

  /** An epoch of the node that has ended took what it had accepted with it. */
  #endedSince(node: string, atMs: number): boolean {
    return this.#witness.lives(node).some(({ endedMs }) => endedMs !== undefined && endedMs >= atMs);
  }

  /** Whether a message was booked lost because the epoch that also has an end for it has ended. */
  #lostTo(epoch: LifeSpan, letter: DeadLetter): boolean {
    return letter.state === 'lost' && this.#witness.epochEnded(epoch.node, epoch.epoch);
  }

  /** What a refusal leaves at the sender: a record of the state that the receiver has booked. */
  #isRecord(sent: Sent, by: LifeSpan, letter: DeadLetter): boolean {
    return (
      by.node === sent.from.node &&
      by.node !== sent.bookedBy?.node &&
      letter.state === sent.letter?.state &&
      letter.code === sent.letter.code
    );
  }

  /**
   * At a quiet point: every message whose sender lives has an end. What has one, or whose sender is gone, is forgotten.
   */
  settle(): void {
    for (const sent of this.#sent.values()) {
      if (sent.letter !== undefined) this.#end(`${sent.letter.state} ${sent.letter.code}`);
      else if (sent.handledBy !== undefined) this.#end('handled');
      else if (sent.from.endedMs !== undefined) this.#end('its sender ended');
      else if (this.#endedSince(sent.to, sent.atMs)) this.#end('its receiver ended');
      else this.#broken('conservation', sent.id, `from ${sent.from.node} to ${sent.to} has no end`);
    }
    this.#sent.clear();
  }

  #broken(promise: 'conservation' | 'effect-once' | 'order-kept', id: string, what: string): void {
    const sent = this.#sent.get(id);
    const way = sent === undefined ? '' : ` (${sent.from.node} to ${sent.to})`;
    this.#violations.broken(promise, `message ${id}${way} ${what}`);
  }

  #end(how: string): void {
    this.ends[how] = (this.ends[how] ?? 0) + 1;
  }
}
