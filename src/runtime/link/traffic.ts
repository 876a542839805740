import { LoomError } from '../../ports/loom-error.ts';
import { ByteReader } from '../wire/byte-reader.ts';
import { readEnvelope } from '../wire/envelope-decode.ts';
import type { DecodedEnvelope } from '../wire/wire-envelope.ts';
import { controlFrame, type Frame, type FrameHead, writeHeader } from './frame.ts';
import { LazyTimer } from './lazy-timer.ts';
import type { LinkCounters } from './link-counters.ts';
import type { LinkHost, OutgoingItem } from './link-host.ts';
import type { LinkOptions } from './link-options.ts';
import { ReceiveWindow } from './receive-window.ts';
import { RoundTrip } from './round-trip.ts';
import { type EndedWindow, SendWindow } from './send-window.ts';

/** What traffic needs of the link that it runs on. */
export interface TrafficLink {
  /** The header of a frame of the link epoch that is up. */
  head(kind: 'data' | 'ack', firstSequence: number, count: number): FrameHead;
  /** Gives a frame to the transport; false when there is no route: the epoch has then ended. */
  hand(bytes: Uint8Array): boolean;
  isUp(): boolean;
  planFlush(): void;
}

/**
 * The items of one link epoch after another: windows, acknowledgements, retransmission.
 *
 * Every call of the host may end the epoch; what follows such a call looks first.
 */
export class Traffic {
  readonly #host: LinkHost;
  readonly #link: TrafficLink;
  readonly #options: LinkOptions;
  readonly #counters: LinkCounters;
  readonly #send: SendWindow;
  readonly #receive: ReceiveWindow;
  readonly #roundTrip: RoundTrip;
  readonly #ackTimer: LazyTimer;
  #progressMs = 0;

  constructor(host: LinkHost, link: TrafficLink, options: LinkOptions, counters: LinkCounters) {
    this.#host = host;
    this.#link = link;
    this.#options = options;
    this.#counters = counters;
    this.#send = new SendWindow(options);
    this.#receive = new ReceiveWindow(options, counters);
    this.#roundTrip = new RoundTrip(options.retransmitMs, options.retransmitMaxMs);
    this.#ackTimer = new LazyTimer(host.clock, () => this.#onAckTimer());
  }

  get outstanding(): number {
    return this.#send.outstanding;
  }

  get roundTripMs(): number | undefined {
    return this.#roundTrip.smoothedMs;
  }

  get received(): number {
    return this.#receive.received;
  }

  get creditLimit(): number {
    return this.#receive.creditLimit;
  }

  /** When something is due, monotonic ms; infinity when nothing is in flight. */
  get dueMs(): number {
    const oldest = this.#send.oldestSent;
    if (oldest === undefined) return Number.POSITIVE_INFINITY;
    return Math.min(
      oldest.sentAtMs + this.#roundTrip.timeoutMs,
      this.#progressMs + this.#options.downAfterMs,
    );
  }

  offer(item: OutgoingItem): boolean {
    return this.#send.offer(item);
  }

  /** A link epoch begins; `creditLimit` is the peer's offer. */
  begin(creditLimit: number): void {
    this.#send.begin(creditLimit);
  }

  /** The link epoch ends: hands out what was not acknowledged. */
  end(): EndedWindow {
    this.#receive.reset();
    this.#ackTimer.cancel();
    return this.#send.end();
  }

  /** This node slept: the peer has the whole time again. */
  slept(nowMs: number): void {
    this.#progressMs = nowMs;
  }

  /** Nothing was acknowledged for too long. */
  isStalled(nowMs: number): boolean {
    return this.#send.awaitsAcknowledgement && nowMs >= this.#progressMs + this.#options.downAfterMs;
  }

  /** Sends what was offered, and the acknowledgement if it cannot wait. */
  sendAll(nowMs: number): void {
    this.#send.seal();
    for (;;) {
      const frame = this.#send.nextUnsent();
      if (frame === undefined) break;
      writeHeader(frame.bytes, this.#link.head('data', frame.firstSequence, frame.items.length));
      if (!this.#link.hand(frame.bytes)) return;
      if (!this.#send.awaitsAcknowledgement) this.#progressMs = nowMs;
      this.#send.left(frame, nowMs);
      this.#receive.acknowledged();
      this.#counters.itemsSent += frame.items.length;
    }
    if (this.#receive.owed === 'at-once') this.#sendAck();
  }

  sendAgain(nowMs: number): void {
    const overdue = this.#send.overdue(nowMs, this.#roundTrip.timeoutMs, this.#options.retransmitBurstFrames);
    if (overdue.length > 0) this.#roundTrip.backOff();
    for (const frame of overdue) {
      frame.sentAtMs = nowMs;
      frame.sentAgain = true;
      this.#counters.framesRetransmitted++;
      if (!this.#link.hand(frame.bytes)) return;
    }
  }

  /** Takes the acknowledgement of any frame. False when it is of something that was never sent. */
  acknowledge(frame: Frame, nowMs: number): boolean {
    if (frame.acknowledged > this.#send.lastSent) return false;
    const completed = this.#send.acknowledge(frame.acknowledged, frame.creditLimit);
    if (completed.length === 0) return true;
    this.#progressMs = nowMs;
    for (const { sentAgain, sentAtMs } of completed) if (!sentAgain) this.#roundTrip.sample(nowMs - sentAtMs);
    this.#roundTrip.progress();
    for (const { items } of completed) {
      this.#counters.itemsAcknowledged += items.length;
      for (const item of items) this.#host.resolved(item, 'received');
    }
    return true;
  }

  /** Takes a data frame; `goOn` says after each delivery whether the epoch is still up. */
  take(frame: Frame, nowMs: number, goOn: () => boolean): void {
    this.#receive.take(frame, (bytes, start, end) => {
      this.#deliver(bytes, start, end);
      return goOn();
    });
    if (!goOn()) return;
    const owed = this.#receive.owed;
    if (owed === 'at-once') this.#link.planFlush();
    else if (owed === 'soon') this.#ackTimer.armAt(nowMs + this.#options.ackDelayMs);
  }

  #deliver(bytes: Uint8Array, start: number, end: number): void {
    let envelope: DecodedEnvelope;
    try {
      envelope = readEnvelope(new ByteReader(bytes, start, end));
    } catch (thrown) {
      this.#counters.envelopesSkipped++;
      const detail = LoomError.from(thrown, 'FRAME_MALFORMED').message;
      this.#host.skipped({ kind: 'malformed', detail });
      return;
    }
    if (envelope.kind === 'unknown') {
      this.#counters.envelopesSkipped++;
      this.#host.skipped({ kind: 'unknown-kind', kindNumber: envelope.kindNumber });
      return;
    }
    this.#counters.itemsDelivered++;
    this.#host.deliver(envelope);
  }

  #onAckTimer(): void {
    if (this.#link.isUp() && this.#receive.owed !== 'nothing') this.#sendAck();
  }

  #sendAck(): void {
    const head = this.#link.head('ack', 0, 0);
    if (!this.#link.hand(controlFrame(head))) return;
    this.#counters.acksSent++;
    this.#receive.acknowledged();
  }
}
