import type { Attempts } from './attempts.ts';
import { type Frame, type LastReceived, nothingReceived } from './frame.ts';
import { type Epochs, judgeAnswer, judgeHello, type Verdict } from './judge-hello.ts';

/** Which node epochs and which link epoch a link is in, as far as this side knows. */
export class LinkEpochs {
  readonly local: number;
  readonly #attempts: Attempts;
  #peer = 0;
  #endedPeer = 0;
  #begun = 0;
  #proposed = 0;
  #lastReceived: LastReceived = nothingReceived;

  constructor(local: number, attempts: Attempts) {
    this.local = local;
    this.#attempts = attempts;
  }

  /** The peer's node epoch; 0 while unknown. */
  get peer(): number {
    return this.#peer;
  }

  /** The last link epoch that began between the two node epochs; 0 when none has. */
  get begun(): number {
    return this.#begun;
  }

  /** What a hello says of the items that came before. */
  get lastReceived(): LastReceived {
    return this.#lastReceived;
  }

  /** False for frames from an epoch of the peer that has ended, and for frames to a later epoch of this node. */
  admits(frame: Frame): boolean {
    if (frame.senderEpoch < this.#peer || frame.senderEpoch <= this.#endedPeer) return false;
    return frame.receiverEpoch <= this.local;
  }

  /** True when the frame is of the link epoch that began last. */
  isCurrent(frame: Frame): boolean {
    if (frame.senderEpoch !== this.#peer || frame.receiverEpoch !== this.local) return false;
    return frame.linkEpoch === this.#begun;
  }

  judge(frame: Frame, up: boolean, unsettled: boolean): Verdict {
    const epochs: Epochs = { local: this.local, begun: this.#begun, proposed: this.#proposed, up, unsettled };
    return frame.kind === 'hello' ? judgeHello(frame, epochs) : judgeAnswer(frame, epochs);
  }

  /** The link epoch that the next hello proposes. */
  propose(): number {
    this.#proposed = Math.max(this.#proposed, this.#begun + 1);
    return this.#proposed;
  }

  proposeAtLeast(linkEpoch: number): void {
    this.#proposed = Math.max(this.#proposed, linkEpoch);
  }

  begin(frame: Frame): void {
    this.#peer = frame.senderEpoch;
    this.#begun = frame.linkEpoch;
    this.#proposed = 0;
    this.#attempts.park();
  }

  /** Keeps what a hello will have to say when the link epoch has ended. */
  remember(received: number): void {
    if (received > 0) this.#lastReceived = { linkEpoch: this.#begun, sequence: received };
  }

  /** True when the registry's word ends what this side takes for the peer's epoch, or might yet. */
  endPeer(epoch: number): boolean {
    if (epoch <= this.#endedPeer) return false;
    this.#endedPeer = epoch;
    return this.#peer <= epoch;
  }

  /** The first word of a peer that nothing was known of: all that waits is for whoever answers. */
  meet(peer: number): void {
    this.#peer = peer;
  }

  /** Another epoch of the peer: nothing of the old one holds. */
  forget(peer: number): void {
    this.#peer = peer;
    this.#begun = 0;
    this.#proposed = 0;
    this.#lastReceived = nothingReceived;
    this.#attempts.park();
  }
}
