import { LoomError } from '../../ports/loom-error.ts';
import {
  maxFrameBytes,
  type SendOutcome,
  type Transport,
  type TransportAttachment,
  type TransportListener,
} from '../../ports/transport.ts';

/**
 * Frames between the logical nodes of one process. What is sent in one pass of the event loop arrives in a later one,
 * in order and without a copy. Nothing is kept beyond that pass: links bound what is under way.
 */
export class MemoryTransport implements Transport {
  readonly #attached: Map<string, TransportListener> = new Map();
  #waiting: Delivery[] = [];
  #planned = false;

  /** INVALID_DEFINITION when the name is attached already. */
  attach(node: string, listener: TransportListener): TransportAttachment {
    if (this.#attached.has(node)) {
      throw new LoomError('INVALID_DEFINITION', `a node ${node} is attached already`, { details: { node } });
    }
    this.#attached.set(node, listener);
    return {
      send: (to, frame) => {
        if (this.#attached.get(node) !== listener) return 'no-route';
        return this.#send(node, to, frame);
      },
      close: () => {
        if (this.#attached.get(node) === listener) this.#detach(node);
      },
    };
  }

  #send(from: string, to: string, frame: Uint8Array): SendOutcome {
    if (frame.length > maxFrameBytes) {
      throw new LoomError('FRAME_TOO_LARGE', `a frame of ${frame.length} bytes was given to the transport`);
    }
    const listener = this.#attached.get(to);
    if (listener === undefined) return 'no-route';
    this.#plan({ from, to, listener, frame });
    return 'sent';
  }

  #detach(node: string): void {
    this.#attached.delete(node);
    for (const [to, listener] of this.#attached) this.#plan({ from: node, to, listener, frame: undefined });
  }

  #plan(delivery: Delivery): void {
    this.#waiting.push(delivery);
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => this.#deliver());
  }

  #deliver(): void {
    const batch = this.#waiting;
    this.#waiting = [];
    this.#planned = false;
    let done = 0;
    try {
      for (const { from, to, listener, frame } of batch) {
        done++;
        if (this.#attached.get(to) !== listener) continue;
        if (frame !== undefined) listener.receive(from, frame);
        else if (!this.#attached.has(from)) listener.peerGone?.(from);
      }
    } finally {
      // Only when a listener threw: the frames behind it arrive all the same, in their order.
      if (done < batch.length) this.#deliverLater(batch.slice(done));
    }
  }

  #deliverLater(rest: readonly Delivery[]): void {
    this.#waiting = [...rest, ...this.#waiting];
    if (this.#planned) return;
    this.#planned = true;
    setImmediate(() => this.#deliver());
  }
}

/** A frame on its way, or without one the word that `from` is gone. */
interface Delivery {
  readonly from: string;
  readonly to: string;
  readonly listener: TransportListener;
  readonly frame: Uint8Array | undefined;
}
