import { LoomError } from '../../ports/loom-error.ts';
import { ByteWriter } from '../wire/byte-writer.ts';
import { encodeEnvelope } from '../wire/envelope.ts';
import { envelopeLengthBytes, frameHeaderBytes } from './frame.ts';
import type { OutgoingItem } from './link-host.ts';
import { initialCredit, type LinkOptions } from './link-options.ts';

/**
 * What one link epoch has accepted and the peer has not acknowledged: a batch that is being filled, then sealed
 * frames in order, sent or not.
 *
 * SW1. Sequences run from 1 without gaps in the order of the frames; within a frame the system lane stands first.
 *     Each lane keeps the order of its offers.
 * SW2. Items never pass the peer's credit, this side's window, or its bytes; the last part of each is for the system
 *     lane alone.
 * SW3. A sealed frame's bytes do not change once they were sent: sending again costs no copy. An envelope is copied
 *     twice in all, into the batch when it is offered and into the frame when that is sealed.
 */
export class SendWindow {
  readonly #options: LinkOptions;
  #system: Batch = new Batch();
  #user: Batch = new Batch();
  #frames: SealedFrame[] = [];
  /** Frames before `#head` are acknowledged, frames from `#unsent` on have not left. */
  #head = 0;
  #unsent = 0;
  #lastSequence = 0;
  #acknowledged = 0;
  #sealedBytes = 0;
  #creditLimit = initialCredit;
  #reserved: number;

  constructor(options: LinkOptions) {
    this.#options = options;
    this.#reserved = reservedOf(options, initialCredit);
  }

  /** Items offered and not acknowledged. */
  get outstanding(): number {
    return this.#lastSequence - this.#acknowledged + this.#system.items.length + this.#user.items.length;
  }

  /** True when frames have left that are not acknowledged. */
  get awaitsAcknowledgement(): boolean {
    return this.#head < this.#unsent;
  }

  /** The last sequence that has left. */
  get lastSent(): number {
    const frame = this.#frames[this.#unsent - 1];
    return frame === undefined ? this.#acknowledged : lastSequenceOf(frame);
  }

  /** The oldest frame that has left and is not acknowledged. */
  get oldestSent(): SealedFrame | undefined {
    return this.awaitsAcknowledgement ? this.#frames[this.#head] : undefined;
  }

  /** The peer answered: `creditLimit` is its window, counted from sequence 0. */
  begin(creditLimit: number): void {
    this.#creditLimit = creditLimit;
    this.#reserved = reservedOf(this.#options, creditLimit);
  }

  /** False when there is no room. FRAME_TOO_LARGE or INVALID_MESSAGE when no window could take it. */
  offer(item: OutgoingItem): boolean {
    const options = this.#options;
    const system = item.lane === 'system';
    const nextSequence = this.#lastSequence + this.#system.items.length + this.#user.items.length + 1;
    const kept = system ? 0 : this.#reserved;
    if (nextSequence > this.#creditLimit - kept) return false;
    if (nextSequence - this.#acknowledged > options.windowMessages - kept) return false;
    const mostBytes = options.windowBytes - (system ? 0 : options.reservedBytes);
    const heldBytes = this.#sealedBytes + this.#batchBytes();
    if (heldBytes >= mostBytes) return false;

    const batch = system ? this.#system : this.#user;
    const start = batch.writer.length;
    batch.writer.raw(noLength);
    try {
      encodeEnvelope(item.envelope, batch.writer);
    } catch (thrown) {
      batch.writer.truncate(start);
      throw thrown;
    }
    const size = batch.writer.length - start;
    if (size + frameHeaderBytes > options.maxFrameBytes) {
      batch.writer.truncate(start);
      throw new LoomError(
        'FRAME_TOO_LARGE',
        `the message makes a frame of ${size + frameHeaderBytes} bytes`,
        {
          details: { bytes: size + frameHeaderBytes, limit: options.maxFrameBytes },
        },
      );
    }
    if (heldBytes + size > mostBytes) {
      batch.writer.truncate(start);
      return false;
    }
    batch.writer.patchUint24(start, size - envelopeLengthBytes);
    if (frameHeaderBytes + this.#batchBytes() > options.maxFrameBytes) this.#sealWithout(batch, start);
    // Sealing may have put another batch in its place.
    (system ? this.#system : this.#user).items.push(item);
    return true;
  }

  /** Makes a frame of the batch, if it holds anything. */
  seal(): void {
    const count = this.#system.items.length + this.#user.items.length;
    if (count === 0) return;
    const bytes = new Uint8Array(frameHeaderBytes + this.#batchBytes());
    bytes.set(this.#system.writer.view(), frameHeaderBytes);
    bytes.set(this.#user.writer.view(), frameHeaderBytes + this.#system.writer.length);
    const items = this.#system.items.concat(this.#user.items);
    this.#frames.push({ firstSequence: this.#lastSequence + 1, items, bytes, sentAtMs: 0, sentAgain: false });
    this.#lastSequence += count;
    this.#sealedBytes += bytes.length;
    this.#system = this.#system.emptied();
    this.#user = this.#user.emptied();
  }

  /** The next frame that has not left; `left` says that it has. */
  nextUnsent(): SealedFrame | undefined {
    return this.#frames[this.#unsent];
  }

  left(frame: SealedFrame, nowMs: number): void {
    frame.sentAtMs = nowMs;
    this.#unsent++;
  }

  /** The oldest frames in flight whose `timeoutMs` has passed, at most `count`. */
  overdue(nowMs: number, timeoutMs: number, count: number): readonly SealedFrame[] {
    const end = Math.min(this.#unsent, this.#head + count);
    return this.#frames.slice(this.#head, end).filter((frame) => nowMs >= frame.sentAtMs + timeoutMs);
  }

  /** Takes a cumulative acknowledgement; answers the frames that it completes, oldest first. */
  acknowledge(sequence: number, creditLimit: number): readonly SealedFrame[] {
    if (creditLimit > this.#creditLimit) this.#creditLimit = creditLimit;
    const first = this.#head;
    while (this.#head < this.#unsent) {
      const frame = this.#frames[this.#head] as SealedFrame;
      if (lastSequenceOf(frame) > sequence) break;
      this.#acknowledged = lastSequenceOf(frame);
      this.#sealedBytes -= frame.bytes.length;
      this.#head++;
    }
    if (this.#head === first) return none;
    const completed = this.#frames.slice(first, this.#head);
    if (this.#head === this.#frames.length || this.#head >= compactFrom) {
      this.#frames = this.#frames.slice(this.#head);
      this.#unsent -= this.#head;
      this.#head = 0;
    }
    return completed;
  }

  /** Ends the epoch: hands out all that was not acknowledged and is then as new. */
  end(): EndedWindow {
    this.seal();
    const sent: SentItem[] = [];
    const unsent: OutgoingItem[] = [];
    for (const [at, frame] of this.#frames.entries()) {
      if (at < this.#head) continue;
      if (at >= this.#unsent) unsent.push(...frame.items);
      else
        for (const [i, item] of frame.items.entries()) sent.push({ sequence: frame.firstSequence + i, item });
    }
    this.#frames = [];
    this.#head = 0;
    this.#unsent = 0;
    this.#lastSequence = 0;
    this.#acknowledged = 0;
    this.#sealedBytes = 0;
    this.begin(initialCredit);
    return { sent, unsent };
  }

  #batchBytes(): number {
    return this.#system.writer.length + this.#user.writer.length;
  }

  /** The envelope from `start` on no longer fits: seals what stands before it and opens the next batch with it. */
  #sealWithout(batch: Batch, start: number): void {
    const envelope = batch.writer.copy(start);
    batch.writer.truncate(start);
    const system = batch === this.#system;
    this.seal();
    (system ? this.#system : this.#user).writer.raw(envelope);
  }
}

export interface SealedFrame {
  readonly firstSequence: number;
  readonly items: readonly OutgoingItem[];
  /** Header room, then the batch. The header is written when the frame is first sent. */
  readonly bytes: Uint8Array;
  sentAtMs: number;
  sentAgain: boolean;
}

export interface SentItem {
  readonly sequence: number;
  readonly item: OutgoingItem;
}

export interface EndedWindow {
  /** May or may not have been received. */
  readonly sent: readonly SentItem[];
  readonly unsent: readonly OutgoingItem[];
}

function lastSequenceOf(frame: SealedFrame): number {
  return frame.firstSequence + frame.items.length - 1;
}

/** A small peer's window is not reserved away. */
function reservedOf(options: LinkOptions, creditLimit: number): number {
  return Math.min(options.reservedMessages, Math.floor(creditLimit / 4));
}

/** One lane's envelopes on their way into a frame. */
class Batch {
  readonly writer: ByteWriter;
  items: OutgoingItem[] = [];

  constructor(writer: ByteWriter = new ByteWriter(1024)) {
    this.writer = writer;
  }

  /** An empty batch; memory is used again unless one large message made it grow. */
  emptied(): Batch {
    if (this.items.length === 0) return this;
    if (this.writer.capacity > keptBytes) return new Batch();
    this.writer.truncate();
    this.items = [];
    return this;
  }
}

const noLength = new Uint8Array(envelopeLengthBytes);
const none: readonly SealedFrame[] = [];
const compactFrom = 64;
const keptBytes = 64 * 1024;
