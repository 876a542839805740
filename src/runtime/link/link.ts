import { Attempts } from './attempts.ts';
import { controlFrame, type Frame, type FrameHead, type FrameKind, type LastReceived } from './frame.ts';
import { LazyTimer } from './lazy-timer.ts';
import { type LinkCounters, newLinkCounters } from './link-counters.ts';
import { LinkEpochs } from './link-epochs.ts';
import type { DownReason, LinkHost, LinkState, OfferOutcome, OutgoingItem } from './link-host.ts';
import { type LinkOptions, linkOptions } from './link-options.ts';
import { readFrame } from './read-frame.ts';
import type { EndedWindow } from './send-window.ts';
import { Settlement } from './settlement.ts';
import { Traffic } from './traffic.ts';

/**
 * This node's end of the link to one peer, on a transport that loses, doubles and reorders frames.
 *
 * L1. There is one Link for a peer as long as this node's epoch lasts: what it remembers is what it says in a hello.
 * L2. A frame counts only from the peer's newest node epoch, to this node's epoch, and (data, ack, bye) in the link
 *     epoch that is up. Any other is refused and counted. A hello from a newer node epoch ends the old one.
 * L3. Within a link epoch each accepted item is delivered once, in the order of its lane (SendWindow, ReceiveWindow).
 * L4. Each accepted item is resolved: `received` when acknowledged. At the end of a link epoch what had left is told
 *     `unknown` and later, once, what became of it; what had not left is `not-received`. At the end of the peer's
 *     node epoch what had left is `lost`.
 * L5. Who has said hello for a link epoch, or answered one, takes nothing of an earlier one: what it said about the
 *     last item it received stays true.
 * L6. A link epoch ends when nothing was acknowledged for `downAfterMs` with something outstanding, when the
 *     transport says that the peer cannot be reached, or when either side begins a higher one. A timer that fires
 *     late means that this node slept: the peer gets the whole time again, since its answers may lie unread.
 * L7. `offer` answers at once and calls nothing back. What is offered in one turn of the event loop leaves together.
 * L8. `receive` takes any bytes: what does not decode is counted and dropped.
 * L9. Memory is bounded by the options, whatever the peer does.
 */
export class Link {
  readonly counters: LinkCounters = newLinkCounters();
  readonly #host: LinkHost;
  readonly #options: LinkOptions;
  readonly #attempts: Attempts;
  readonly #epochs: LinkEpochs;
  readonly #traffic: Traffic;
  readonly #settlement: Settlement;
  readonly #timer: LazyTimer;
  #state: LinkState = { kind: 'idle' };
  #flushPlanned = false;

  /** INVALID_DEFINITION when an option is out of its range. */
  constructor(host: LinkHost, options: Partial<LinkOptions> = {}) {
    this.#host = host;
    this.#options = linkOptions(options);
    this.#attempts = new Attempts(this.#options, host.random);
    this.#epochs = new LinkEpochs(host.localEpoch, this.#attempts);
    this.#settlement = new Settlement((item, outcome) => host.resolved(item, outcome));
    this.#timer = new LazyTimer(host.clock, (lateMs) => this.#onTimer(lateMs));
    const link = {
      head: (kind: FrameKind, firstSequence: number, count: number): FrameHead =>
        this.#head(kind, this.#epochs.begun, firstSequence, count),
      hand: (bytes: Uint8Array): boolean => this.#hand(bytes),
      isUp: (): boolean => this.#state.kind === 'up',
      planFlush: (): void => this.#planFlush(),
    };
    this.#traffic = new Traffic(host, link, this.#options, this.counters);
  }

  get state(): LinkState {
    return this.#state;
  }

  /** The peer's node epoch as far as it is known; 0 before it was heard. */
  get peerEpoch(): number {
    return this.#epochs.peer;
  }

  /** Items accepted and not finally resolved. */
  get outstanding(): number {
    return this.#traffic.outstanding + this.#settlement.count;
  }

  /** Smoothed time from a frame to its acknowledgement, with the peer's `ackDelayMs` in it; undefined at first. */
  get roundTripMs(): number | undefined {
    return this.#traffic.roundTripMs;
  }

  /**
   * Takes an item, or says why not: `full` when the window is used up, `down` when there is no link and no first
   * connection under way. Throws FRAME_TOO_LARGE or INVALID_MESSAGE when the envelope can never be sent.
   */
  offer(item: OutgoingItem): OfferOutcome {
    const kind = this.#state.kind;
    if (kind === 'down' || kind === 'closed') {
      this.counters.offersDown++;
      this.want();
      return 'down';
    }
    if (!this.#traffic.offer(item)) {
      this.counters.offersFull++;
      return 'full';
    }
    this.#planFlush();
    return 'accepted';
  }

  /** Asks for the link to be brought up; one that is down goes on trying for `wantedForMs` from now. */
  want(): void {
    const kind = this.#state.kind;
    if (kind === 'up' || kind === 'closed') return;
    this.#attempts.want(this.#nowMs());
    this.#planFlush();
  }

  /** Sends what was offered. The link does so by itself at the end of the turn; calling it sends earlier. */
  flush(): void {
    this.#flushPlanned = false;
    const nowMs = this.#nowMs();
    if (this.#state.kind === 'idle' && this.#traffic.outstanding > 0) {
      this.#attempts.want(nowMs);
      this.#change({ kind: 'connecting', sinceMs: nowMs });
    }
    if (nowMs >= this.#attempts.dueMs) this.#sayHello(nowMs);
    if (this.#state.kind === 'up') this.#traffic.sendAll(nowMs);
    this.#arm();
  }

  receive(bytes: Uint8Array): void {
    if (this.#state.kind === 'closed') return;
    this.counters.framesReceived++;
    this.counters.bytesReceived += bytes.length;
    const frame = readFrame(bytes, this.counters, this.#host);
    if (frame === undefined) return;
    if (!this.#epochs.admits(frame)) this.#refuse();
    else if (frame.kind === 'hello' || frame.kind === 'hello-answer') this.#onHello(frame);
    else this.#onTraffic(frame);
    this.#arm();
  }

  /** The transport says that the peer cannot be reached. */
  peerGone(): void {
    const kind = this.#state.kind;
    if (kind === 'up' || kind === 'connecting') this.#goDown('peer-gone');
    this.#arm();
  }

  /** The registry says that this epoch of the peer, and every one before, has ended. */
  peerEpochEnded(epoch: number): void {
    if (this.#state.kind !== 'closed' && this.#epochs.endPeer(epoch)) this.#forgetPeer(0);
  }

  /** Sends what waits and a farewell, and ends. What is not acknowledged stays unknown. */
  close(): void {
    if (this.#state.kind === 'up') this.flush();
    if (this.#state.kind === 'up') this.#hand(controlFrame(this.#head('bye', this.#epochs.begun)));
    if (this.#state.kind === 'closed') return;
    const ended = this.#traffic.end();
    this.#timer.cancel();
    this.#attempts.park();
    this.#state = { kind: 'closed' };
    this.#settlement.tellUnknown(ended.sent);
    this.#returnUnsent(ended);
    this.#host.changed(this.#state);
  }

  #onHello(frame: Frame): void {
    // An answer is to a hello: one that says nothing to us teaches nothing about the peer either.
    if (frame.kind === 'hello-answer' && frame.receiverEpoch !== this.#epochs.local) {
      this.#refuse();
      return;
    }
    if (frame.senderEpoch > this.#epochs.peer) this.#forgetPeer(frame.senderEpoch);
    const { kind } = this.#state;
    if (kind === 'closed') return;
    const verdict = this.#epochs.judge(frame, kind === 'up', this.#settlement.count > 0);
    if (verdict === 'begin') {
      this.#begin(frame);
      return;
    }
    this.#refuse();
    if (verdict === 'answer') this.#hand(controlFrame(this.#head('hello-answer', this.#epochs.begun)));
    if (verdict !== 'hello' && verdict !== 'outbid') return;
    if (verdict === 'outbid') this.#epochs.proposeAtLeast(frame.linkEpoch + 1);
    this.#attempts.hurry(this.#nowMs());
    this.#planFlush();
  }

  #onTraffic(frame: Frame): void {
    const state = this.#state;
    if (state.kind !== 'up' || !this.#epochs.isCurrent(frame)) {
      this.#refuse();
      // The peer takes the link for up: it learns sooner from a hello than from silence.
      if (state.kind === 'idle' || state.kind === 'down') this.want();
      return;
    }
    const nowMs = this.#nowMs();
    if (!this.#traffic.acknowledge(frame, nowMs)) {
      this.counters.malformedFramesDropped++;
      return;
    }
    if (this.#state !== state) return;
    if (frame.kind === 'data') this.#traffic.take(frame, nowMs, () => this.#state === state);
    else if (frame.kind === 'bye') this.#onBye(frame);
  }

  /** The peer took nothing after what it acknowledges in its farewell. */
  #onBye(frame: Frame): void {
    this.#goDown('peer-closed', { linkEpoch: frame.linkEpoch, sequence: frame.acknowledged });
  }

  #onTimer(lateMs: number): void {
    const nowMs = this.#nowMs();
    const state = this.#state;
    if (lateMs >= sleptMs) {
      this.#traffic.slept(nowMs);
      if (state.kind === 'connecting') this.#state = { kind: 'connecting', sinceMs: nowMs };
    } else if (state.kind === 'connecting' && nowMs >= state.sinceMs + this.#options.downAfterMs) {
      this.#goDown('no-answer');
    }
    if (this.#state.kind === 'up') {
      if (this.#traffic.isStalled(nowMs)) this.#goDown('no-acknowledgement');
      else this.#traffic.sendAgain(nowMs);
    }
    if (nowMs >= this.#attempts.dueMs) this.#sayHello(nowMs);
    this.#arm();
  }

  /** Arms the timer for the next thing that is due. */
  #arm(): void {
    const state = this.#state;
    let dueMs = this.#attempts.dueMs;
    if (state.kind === 'connecting') dueMs = Math.min(dueMs, state.sinceMs + this.#options.downAfterMs);
    if (state.kind === 'up') dueMs = Math.min(dueMs, this.#traffic.dueMs);
    this.#timer.armAt(dueMs);
  }

  #sayHello(nowMs: number): void {
    const { kind } = this.#state;
    const reason = kind === 'connecting' || this.#settlement.count > 0 || this.#attempts.wanted(nowMs);
    if (kind === 'up' || kind === 'closed' || !reason) {
      this.#attempts.park();
      return;
    }
    this.#attempts.made(nowMs);
    this.counters.hellosSent++;
    this.#hand(controlFrame(this.#head('hello', this.#epochs.propose())));
  }

  /** The link epoch of a hello or of the answer to one begins. */
  #begin(frame: Frame): void {
    const before = this.#epochs.begun;
    const ended = this.#state.kind === 'up' ? this.#endTraffic() : undefined;
    this.#epochs.begin(frame);
    this.#traffic.begin(frame.creditLimit);
    this.counters.epochsBegun++;
    const { senderEpoch: peerEpoch, linkEpoch } = frame;
    const state: LinkState = { kind: 'up', peerEpoch, linkEpoch, sinceMs: this.#nowMs() };
    this.#state = state;
    if (ended !== undefined) this.#settlement.keep(before, ended.sent);
    this.#settlement.settle(frame.answer);
    if (ended !== undefined) this.#returnUnsent(ended);
    if (this.#state === state) this.#host.changed(state);
    if (this.#state === state && frame.kind === 'hello')
      this.#hand(controlFrame(this.#head('hello-answer', linkEpoch)));
    if (this.#state === state) this.flush();
  }

  /** Ends the link epoch, or the wait for the first. `answer` is what the peer last received, when it is known. */
  #goDown(reason: DownReason, answer?: LastReceived): void {
    const nowMs = this.#nowMs();
    const ended = this.#endTraffic();
    this.#attempts.restart(nowMs);
    const state: LinkState = { kind: 'down', reason, sinceMs: nowMs };
    this.#state = state;
    this.#settlement.keep(this.#epochs.begun, ended.sent);
    if (answer === undefined) this.#settlement.tellUnknown(ended.sent);
    else this.#settlement.settle(answer);
    this.#returnUnsent(ended);
    if (this.#state === state) this.#host.changed(state);
  }

  /** Another epoch of the peer has come; 0 when only the end of the old one is known. */
  #forgetPeer(peerEpoch: number): void {
    if (this.#epochs.peer === 0 && peerEpoch !== 0) {
      this.#epochs.meet(peerEpoch);
      return;
    }
    const changed = this.#state.kind !== 'idle';
    const ended = this.#endTraffic();
    this.#epochs.forget(peerEpoch);
    const state: LinkState = { kind: 'idle' };
    this.#state = state;
    this.#settlement.lose();
    for (const { item } of ended.sent) this.#host.resolved(item, 'lost');
    this.#returnUnsent(ended);
    if (changed && this.#state === state) this.#host.changed(state);
  }

  #endTraffic(): EndedWindow {
    if (this.#state.kind === 'up') this.counters.epochsEnded++;
    this.#epochs.remember(this.#traffic.received);
    return this.#traffic.end();
  }

  #returnUnsent(ended: EndedWindow): void {
    for (const item of ended.unsent) this.#host.resolved(item, 'not-received');
  }

  #head(kind: FrameKind, linkEpoch: number, firstSequence: number = 0, count: number = 0): FrameHead {
    return {
      kind,
      senderEpoch: this.#epochs.local,
      receiverEpoch: this.#epochs.peer,
      linkEpoch,
      firstSequence,
      acknowledged: this.#traffic.received,
      creditLimit: this.#traffic.creditLimit,
      count,
      answer: this.#epochs.lastReceived,
    };
  }

  /** Gives a frame to the transport; false when there is no route, and the link is then down. */
  #hand(bytes: Uint8Array): boolean {
    if (this.#host.send(bytes) === 'sent') {
      this.counters.framesSent++;
      this.counters.bytesSent += bytes.length;
      return true;
    }
    const { kind } = this.#state;
    if (kind === 'up' || kind === 'connecting') this.#goDown('no-route');
    return false;
  }

  #refuse(): void {
    this.counters.staleFramesRefused++;
  }

  #change(state: LinkState): void {
    this.#state = state;
    this.#host.changed(state);
  }

  #planFlush(): void {
    if (this.#flushPlanned) return;
    this.#flushPlanned = true;
    this.#host.clock.soon(() => {
      if (this.#flushPlanned) this.flush();
    });
  }

  #nowMs(): number {
    return this.#host.clock.monotonicMs();
  }
}

/** A timer that is so late means that the process stood still. */
const sleptMs = 500;
