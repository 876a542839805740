import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Engine } from './cell.ts';
import type { MessageDefinition } from './definition.ts';
import type { InboundAsk, InboundFeed } from './inbound.ts';
import { Link } from './link/link.ts';
import type { ItemOutcome, LinkState, OfferOutcome, OutgoingItem } from './link/link-host.ts';
import type { LinkOptions } from './link/link-options.ts';
import type { RemoteCall, RemoteSubscription } from './remote-call.ts';
import type { RemoteTarget } from './remote-ref.ts';
import type { Terminated } from './watch.ts';
import type { WireEnvelope } from './wire/wire-envelope.ts';

/** A message that left for the peer and whose final state is booked here when the link says what became of it. */
export interface Outgoing {
  readonly definition: MessageDefinition;
  readonly target: string;
  readonly traceId: string | undefined;
  readonly call: RemoteCall | undefined;
}

export interface RemoteWatch {
  readonly to: RemoteTarget;
  readonly listener: (terminated: Terminated) => void;
}

/**
 * All that this node has going with one other node: the link, and the tables of what waits on either side of it.
 *
 * P1. Every counted message offered to the link is booked once by what the link resolves: handed over, dead-lettered
 *     (it never arrived), lost (the peer's epoch ended), or unknown until one of these.
 * P2. Replies on their way are gone with the link: calls that wait end in UNKNOWN_OUTCOME when the link epoch ends.
 * P3. Watches outlive the link: they are asked for again when it comes back, and end with the peer's epoch.
 */
export class Peer {
  readonly node: string;
  readonly link: Link;
  readonly calls: Map<number, RemoteCall | RemoteSubscription> = new Map();
  readonly asks: Map<number, InboundAsk> = new Map();
  readonly feeds: Map<number, InboundFeed> = new Map();
  /** Watches of actors there, by number; and of actors here by the peer. */
  readonly watches: Map<number, RemoteWatch> = new Map();
  readonly watched: Map<number, () => void> = new Map();
  readonly #engine: Engine;
  readonly #outgoing = new Map<number, Outgoing>();
  readonly #unknown = new Set<number>();
  #nextTag = 1;
  #linkEpoch = 0;

  constructor(node: string, engine: Engine, parts: PeerParts) {
    this.node = node;
    this.#engine = engine;
    this.link = new Link(
      {
        localNode: engine.node,
        localEpoch: engine.epoch,
        peer: node,
        clock: engine.clock,
        random: engine.random,
        send: (frame) => parts.send(frame),
        deliver: (envelope) => parts.deliver(this, envelope),
        resolved: (item, outcome) => this.#resolved(item, outcome),
        changed: (state) => this.#changed(state),
        skipped: (reason) => engine.facts.emit({ type: 'frame-refused', peer: node, reason: reason.kind }),
      },
      parts.options,
    );
  }

  /** Offers a counted message; when the link does not take it, it is booked here and the answer says why. */
  post(kind: 'ask' | 'tell', envelope: WireEnvelope, outgoing: Outgoing): OfferOutcome {
    const tag = this.#nextTag++;
    const outcome = this.link.offer({ lane: 'user', kind, envelope, tag });
    if (outcome === 'accepted') this.#outgoing.set(tag, outgoing);
    else if (outcome === 'full') this.#book('refused', 'LINK_FULL', outgoing);
    else this.#book('deadLettered', 'NODE_UNREACHABLE', outgoing);
    return outcome;
  }

  /** Offers what is not counted: replies, items, credits, watches. */
  send(lane: 'system' | 'user', envelope: WireEnvelope): boolean {
    return this.link.offer({ lane, kind: 'system', envelope, tag: 0 }) === 'accepted';
  }

  /** True while something here waits for the peer: then it is pinged, so that its silence is found out. */
  get awaited(): boolean {
    return this.calls.size > 0 || this.watches.size > 0;
  }

  get unacknowledged(): number {
    return this.#outgoing.size - this.#unknown.size;
  }

  /** The registry says that this epoch of the peer has ended. */
  epochEnded(epoch: number, reason: string): void {
    this.link.peerEpochEnded(epoch);
    this.#failCalls('NODE_LOST', 'its node is gone');
    this.#forgetInbound();
    const watches = [...this.watches.values()];
    this.watches.clear();
    for (const { to, listener } of watches) listener({ address: to.address, epoch, incarnation: 0, reason });
  }

  close(): void {
    this.link.close();
    this.#failCalls('UNKNOWN_OUTCOME', 'this node closes');
    this.#forgetInbound();
  }

  #resolved(item: OutgoingItem, outcome: ItemOutcome): void {
    if (item.kind === 'system') {
      if (item.envelope.kind === 'item') this.feeds.get(item.envelope.correlation)?.grant(0);
      return;
    }
    const outgoing = this.#outgoing.get(item.tag);
    if (outgoing === undefined) return;
    const { ledger } = this.#engine;
    if (outcome === 'unknown' || outcome === 'unknown-outcome') {
      if (this.#unknown.has(item.tag)) return;
      this.#unknown.add(item.tag);
      ledger.unknown++;
      outgoing.call?.fail('UNKNOWN_OUTCOME', 'the link ended before an answer', false);
      return;
    }
    this.#outgoing.delete(item.tag);
    if (this.#unknown.delete(item.tag)) ledger.unknown--;
    switch (outcome) {
      case 'received':
        ledger.handedOver++;
        if (outgoing.call !== undefined) outgoing.call.accepted = true;
        return;
      case 'not-received':
        this.#book('deadLettered', 'NODE_UNREACHABLE', outgoing);
        return;
      case 'lost':
        this.#book('lost', 'NODE_LOST', outgoing);
        return;
    }
  }

  #book(state: 'refused' | 'deadLettered' | 'lost', code: ErrorCode, outgoing: Outgoing): void {
    this.#engine.ledger[state]++;
    const { definition, target, traceId } = outgoing;
    const { protocolName: protocol, name: message } = definition;
    this.#engine.record({ state, code, target, protocol, message, traceId });
    outgoing.call?.fail(code, 'the message was not taken', false);
  }

  #changed(state: LinkState): void {
    if (state.kind === 'up') {
      if (this.#linkEpoch !== 0 && state.linkEpoch !== this.#linkEpoch) this.#linkEnded();
      this.#linkEpoch = state.linkEpoch;
      this.#engine.facts.emit({ type: 'link-up', peer: this.node });
      for (const [watchId, { to }] of this.watches)
        this.send('system', { kind: 'watch', target: to.target, watchId });
    } else if (state.kind === 'down') {
      this.#engine.facts.emit({ type: 'link-down', peer: this.node, reason: state.reason });
      this.#linkEnded();
    }
  }

  #linkEnded(): void {
    this.#linkEpoch = 0;
    this.#failCalls('UNKNOWN_OUTCOME', 'the link ended before an answer');
    this.#forgetInbound();
  }

  #failCalls(code: 'UNKNOWN_OUTCOME' | 'NODE_LOST', detail: string): void {
    for (const call of [...this.calls.values()]) {
      if (call.kind === 'ask') call.fail(code, detail, false);
      else this.#endFeed(call, code);
    }
  }

  #endFeed(subscription: RemoteSubscription, code: 'UNKNOWN_OUTCOME' | 'NODE_LOST'): void {
    this.calls.delete(subscription.correlation);
    const { protocolName, name } = subscription.definition;
    subscription.feed.fail(new LoomError(code, `${protocolName}.${name}: the link to ${this.node} ended`));
  }

  /** Nobody there waits any more for what this node still works on. */
  #forgetInbound(): void {
    for (const ask of [...this.asks.values()]) ask.giveUp();
    this.asks.clear();
    for (const feed of this.feeds.values()) feed.cancel();
    this.feeds.clear();
    for (const off of this.watched.values()) off();
    this.watched.clear();
  }
}

export interface PeerParts {
  readonly options: Partial<LinkOptions>;
  send(frame: Uint8Array): 'sent' | 'no-route';
  deliver(peer: Peer, envelope: WireEnvelope): void;
}
