import { envelopeLength, envelopeLengthBytes, type Frame } from './frame.ts';
import type { LinkCounters } from './link-counters.ts';
import type { LinkOptions } from './link-options.ts';

/**
 * What one link epoch has taken from the peer.
 *
 * RW1. Items are delivered in the order of their sequences, each once; `received` moves before its item is delivered,
 *     so that a throw or a re-entrant call never delivers it again.
 * RW2. A frame after a gap is held, within `reorderFrames` and `reorderBytes`; one that does not fit is dropped and
 *     comes again.
 * RW3. The credit is what was received plus the window; a frame beyond the credit is dropped.
 */
export class ReceiveWindow {
  readonly #options: LinkOptions;
  readonly #counters: LinkCounters;
  #received = 0;
  #held: Map<number, Frame> = new Map();
  #heldBytes = 0;
  #framesOwed = 0;
  #itemsOwed = 0;
  #owesAtOnce = false;

  constructor(options: LinkOptions, counters: LinkCounters) {
    this.#options = options;
    this.#counters = counters;
  }

  /** The sequence up to which everything was delivered. */
  get received(): number {
    return this.#received;
  }

  get creditLimit(): number {
    return this.#received + this.#options.windowMessages;
  }

  /** What the peer should hear of: nothing, soon (it may wait for a frame to ride on), or at once. */
  get owed(): 'nothing' | 'soon' | 'at-once' {
    if (this.#owesAtOnce || this.#framesOwed >= this.#options.ackEveryFrames) return 'at-once';
    // A quarter: so that the peer's window does not close while an acknowledgement waits.
    if (this.#itemsOwed * 4 >= this.#options.windowMessages) return 'at-once';
    return this.#framesOwed > 0 ? 'soon' : 'nothing';
  }

  /** A frame with the present acknowledgement has left. */
  acknowledged(): void {
    this.#framesOwed = 0;
    this.#itemsOwed = 0;
    this.#owesAtOnce = false;
  }

  /** `deliver` gets each envelope's place in the frame; answering false stops: the epoch ended meanwhile. */
  take(frame: Frame, deliver: Deliver): void {
    const last = frame.firstSequence + frame.count - 1;
    if (last <= this.#received) {
      this.#counters.duplicatesDiscarded += frame.count;
      this.#owesAtOnce = true;
    } else if (last > this.creditLimit) {
      this.#counters.framesDropped++;
    } else if (frame.firstSequence > this.#received + 1) {
      this.#hold(frame);
    } else if (this.#deliver(frame, deliver) && this.#held.size > 0) {
      this.#deliverHeld(deliver);
    }
  }

  /** Starts again for a new link epoch. */
  reset(): void {
    this.#received = 0;
    this.#held = new Map();
    this.#heldBytes = 0;
    this.acknowledged();
  }

  #deliver(frame: Frame, deliver: Deliver): boolean {
    this.#framesOwed++;
    let at = frame.batchStart;
    for (let i = 0; i < frame.count; i++) {
      const start = at + envelopeLengthBytes;
      at = start + envelopeLength(frame.bytes, at);
      if (frame.firstSequence + i <= this.#received) {
        this.#counters.duplicatesDiscarded++;
        continue;
      }
      this.#received++;
      this.#itemsOwed++;
      if (!deliver(frame.bytes, start, at)) return false;
    }
    return true;
  }

  #hold(frame: Frame): void {
    if (this.#held.has(frame.firstSequence)) {
      this.#counters.duplicatesDiscarded += frame.count;
      return;
    }
    const bytes = this.#heldBytes + frame.bytes.length;
    if (this.#held.size >= this.#options.reorderFrames || bytes > this.#options.reorderBytes) {
      this.#counters.framesDropped++;
      return;
    }
    this.#held.set(frame.firstSequence, frame);
    this.#heldBytes = bytes;
    this.#counters.framesHeld++;
  }

  #deliverHeld(deliver: Deliver): void {
    const held = this.#held;
    for (;;) {
      const frame = held.get(this.#received + 1) ?? passed(held, this.#received);
      if (frame === undefined) return;
      held.delete(frame.firstSequence);
      this.#heldBytes -= frame.bytes.length;
      if (!this.#deliver(frame, deliver)) return;
    }
  }
}

export type Deliver = (bytes: Uint8Array, start: number, end: number) => boolean;

/** A held frame that begins at or before what was received: a peer that cut its frames anew may cause one. */
function passed(held: ReadonlyMap<number, Frame>, received: number): Frame | undefined {
  for (const [firstSequence, frame] of held) if (firstSequence <= received) return frame;
  return undefined;
}
