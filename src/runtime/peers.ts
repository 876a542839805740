import type { TimerHandle } from '../ports/clock.ts';
import type { Member } from '../ports/registry.ts';
import type { Transport, TransportAttachment } from '../ports/transport.ts';
import type { Engine } from './cell.ts';
import type { LinkOptions } from './link/link-options.ts';
import { type MembersSeen, Peer } from './peer.ts';
import type { WireEnvelope } from './wire/wire-envelope.ts';

export interface PeersOptions {
  readonly engine: Engine;
  readonly transport: Transport;
  readonly link: Partial<LinkOptions>;
  readonly pingMs: number;
  /** Takes what a peer sends; it may throw. */
  readonly deliver: (peer: Peer, envelope: WireEnvelope) => void;
}

export interface LinkStatus {
  readonly peer: string;
  readonly state: string;
  readonly roundTripMs: number | undefined;
}

/**
 * The other nodes that this one has spoken to, and what is common to all of them: the attachment to the transport, the
 * registry's view of who lives, the pings.
 */
export class Peers implements MembersSeen {
  readonly #options: PeersOptions;
  readonly #engine: Engine;
  readonly #attachment: TransportAttachment;
  readonly #peers = new Map<string, Peer>();
  #members: ReadonlyMap<string, number> = new Map();
  #views = 0;
  #pinging: TimerHandle | undefined = undefined;
  #closed = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#attachment = options.transport.attach(options.engine.node, {
      receive: (from, frame) => {
        if (!this.#closed) this.to(from).link.receive(frame);
      },
      peerGone: (peer) => {
        this.#peers.get(peer)?.link.peerGone();
      },
    });
  }

  to(node: string): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      peer = new Peer(node, this.#engine, {
        options: this.#options.link,
        members: this,
        send: (frame) => this.#attachment.send(node, frame),
        deliver: (from, envelope) => this.#deliver(from, envelope),
      });
      this.#peers.set(node, peer);
    }
    return peer;
  }

  get views(): number {
    return this.#views;
  }

  epochOf(node: string): number | undefined {
    return this.#members.get(node);
  }

  /** The registry's word on who lives: ends what waits for epochs that do not. */
  viewed(members: readonly Member[]): void {
    const before = this.#members;
    const now = new Map(members.map(({ node, epoch }) => [node, epoch]));
    this.#members = now;
    this.#views++;
    for (const [node, epoch] of before) {
      if (now.get(node) !== epoch) this.#peers.get(node)?.epochEnded(epoch, now.has(node));
    }
    for (const peer of this.#peers.values()) peer.judge();
  }

  /** Pings whom something waits for until nothing does: one timer for all. */
  ping(): void {
    if (this.#pinging !== undefined || this.#closed) return;
    this.#pinging = this.#engine.clock.after(this.#options.pingMs, () => {
      this.#pinging = undefined;
      const awaited = [...this.#peers.values()].filter((peer) => peer.awaited);
      for (const peer of awaited) peer.ping();
      if (awaited.length > 0) this.ping();
    });
  }

  /** Counted messages that left and are neither acknowledged nor resolved. */
  get unacknowledged(): number {
    return this.#sum((peer) => peer.unacknowledged);
  }

  /** Calls and subscriptions that wait. */
  get calls(): number {
    return this.#sum((peer) => peer.calls.size);
  }

  links(): readonly LinkStatus[] {
    return [...this.#peers.values()].map(({ node, link }) => ({
      peer: node,
      state: link.state.kind,
      roundTripMs: link.roundTripMs,
    }));
  }

  /** Resolves when nothing is on its way to a peer that may be there. */
  async flushed(): Promise<void> {
    while (!this.#closed && [...this.#peers.values()].some((peer) => peer.sending)) {
      await new Promise<void>((resolve) => {
        this.#engine.clock.after(flushLookMs, resolve);
      });
    }
  }

  /** Says farewell to each. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pinging?.cancel();
    for (const peer of this.#peers.values()) peer.close();
    this.#attachment.close();
  }

  /** As a crash does: not another frame leaves. */
  crash(): void {
    this.#attachment.close();
    this.close();
  }

  #sum(count: (peer: Peer) => number): number {
    let sum = 0;
    for (const peer of this.#peers.values()) sum += count(peer);
    return sum;
  }

  /** A throw, of a callback of user code for example, must not reach the link. */
  #deliver(peer: Peer, envelope: WireEnvelope): void {
    try {
      this.#options.deliver(peer, envelope);
    } catch (error) {
      const where = `${envelope.kind} from ${peer.node}`;
      this.#engine.facts.emit({ type: 'internal-error', where, error });
    }
  }
}

const flushLookMs = 10;
