import type { Engine } from './cell.ts';
import { type Departure, Departures } from './departures.ts';
import type { InboundAsk } from './inbound.ts';
import type { InboundFeed } from './inbound-feed.ts';
import { Link } from './link/link.ts';
import type { ItemOutcome, Lane, LinkState, OfferOutcome, OutgoingItem } from './link/link-host.ts';
import type { LinkOptions } from './link/link-options.ts';
import { Outbox } from './outbox.ts';
import type { RemoteCall } from './remote-call.ts';
import type { RemoteTarget } from './remote-ref.ts';
import type { RemoteSubscription } from './remote-subscription.ts';
import { RemoteWatches } from './remote-watches.ts';
import type { Terminated } from './watch.ts';
import type { ItemEnvelope, WireEnvelope } from './wire/wire-envelope.ts';

/**
 * All that this node has going with one other node: the link, and the tables of what waits on either side of it.
 *
 * P1. What the peer works on for this node ends when the link epoch does (UNKNOWN_OUTCOME) or when the peer's epoch
 *     does (NODE_LOST): replies on their way are gone with the link.
 * P2. What this node works on for the peer is given up then: nobody there waits for it any more.
 * P3. An epoch of the peer ends once, by whoever says so first: a newer one on the link, the registry, or a link that
 *     is down to an epoch which the registry, asked later, does not know.
 */
export class Peer {
  readonly node: string;
  readonly link: Link;
  readonly calls: Map<number, RemoteCall | RemoteSubscription> = new Map();
  readonly asks: Map<number, InboundAsk> = new Map();
  readonly feeds: Map<number, InboundFeed> = new Map();
  /** Watches of actors there, and, by the peer's numbers, what takes its watches of actors here off. */
  readonly watches: RemoteWatches;
  readonly watched: Map<number, () => void> = new Map();
  readonly #engine: Engine;
  readonly #departures: Departures;
  readonly #outbox: Outbox;
  /** Feeds whose producers wait for room on the link. */
  #starved = new Set<InboundFeed>();
  readonly #members: MembersSeen;
  /** What the link is up with; 0 while it is not. */
  #linkEpoch = 0;
  #peerEpoch = 0;
  #endedEpoch = 0;
  #viewsAtUp = 0;
  #nextNonce = 1;

  constructor(node: string, engine: Engine, parts: PeerParts) {
    this.node = node;
    this.#engine = engine;
    this.#members = parts.members;
    this.#departures = new Departures(engine);
    this.watches = new RemoteWatches(engine.facts);
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
    this.#outbox = new Outbox(this.link, () => {
      engine.clock.soon(() => this.link.peerGone());
    });
  }

  /** Offers a counted message; when the link does not take it, it is booked and the answer (or the throw) says why. */
  post(departure: Departure, make: () => WireEnvelope): OfferOutcome {
    return this.#departures.offer(this.link, departure, make);
  }

  /** Sends what is not counted, as soon as there is room; false when the link is down. */
  send(lane: Lane, envelope: WireEnvelope): boolean {
    return this.#outbox.send(lane, envelope);
  }

  /** Sends an item if there is room now, else the feed hears when there is. */
  sendItem(feed: InboundFeed, item: ItemEnvelope): boolean {
    const sent = this.#outbox.trySend('user', item);
    if (!sent) this.#starved.add(feed);
    return sent;
  }

  /** True while something here waits for the peer: then it is pinged, so that its silence is found out. */
  get awaited(): boolean {
    return this.calls.size > 0 || this.watches.size > 0;
  }

  get unacknowledged(): number {
    return this.#departures.unacknowledged;
  }

  /** True while something is on its way to a peer that may be there. */
  get sending(): boolean {
    const { kind } = this.link.state;
    return (kind === 'up' || kind === 'connecting') && this.link.outstanding + this.#outbox.count > 0;
  }

  watch(watchId: number, to: RemoteTarget, listener: (terminated: Terminated) => void): void {
    this.watches.add(watchId, to, listener);
    if (this.send('system', { kind: 'watch', target: to.target, watchId })) {
      if (this.#peerEpoch !== 0) this.watches.asked(watchId, this.#peerEpoch);
      return;
    }
    // It is asked for when the link comes back, if it does.
    this.#engine.clock.soon(() => this.judge());
  }

  ping(): void {
    this.send('system', { kind: 'ping', nonce: this.#nextNonce++ });
  }

  /** The registry says that this epoch of the peer has ended; `replaced` when it knows a newer one. */
  epochEnded(epoch: number, replaced: boolean): void {
    this.#endedEpoch = Math.max(this.#endedEpoch, epoch);
    this.link.peerEpochEnded(epoch);
    this.watches.epochEnded(epoch, !replaced, epochOver);
  }

  /** P3: holds the last view of the members against what the link knows. */
  judge(): void {
    const { state, peerEpoch } = this.link;
    if (state.kind === 'up' || state.kind === 'connecting' || this.#members.views === 0) return;
    const member = this.#members.epochOf(this.node);
    if (peerEpoch === 0) {
      if (member === undefined) this.watches.epochEnded(this.#endedEpoch, true, 'no such node');
    } else if (this.#members.views > this.#viewsAtUp && (member === undefined || member > peerEpoch)) {
      this.epochEnded(peerEpoch, member !== undefined);
    }
  }

  close(): void {
    this.link.close();
    this.#failCalls('UNKNOWN_OUTCOME', 'this node closes');
    this.#forgetInbound();
  }

  #resolved(item: OutgoingItem, outcome: ItemOutcome): void {
    if (item.kind !== 'system') this.#departures.resolved(item, outcome);
    if (outcome !== 'received') return;
    if (this.#outbox.count > 0) this.#outbox.retry();
    if (this.#starved.size === 0) return;
    const starved = this.#starved;
    this.#starved = new Set();
    for (const feed of starved) feed.roomAgain();
  }

  #changed(state: LinkState): void {
    switch (state.kind) {
      case 'up':
        if (this.#linkEpoch !== 0 && state.linkEpoch !== this.#linkEpoch) this.#linkEnded();
        this.#linkEpoch = state.linkEpoch;
        this.#peerEpoch = state.peerEpoch;
        this.#viewsAtUp = this.#members.views;
        this.#engine.facts.emit({ type: 'link-up', peer: this.node });
        for (const [watchId, { target }] of this.watches.on(state.peerEpoch))
          this.send('system', { kind: 'watch', target, watchId });
        return;
      case 'down':
        this.#engine.facts.emit({ type: 'link-down', peer: this.node, reason: state.reason });
        this.#linkEnded();
        this.judge();
        return;
      case 'idle':
        this.#epochOver();
        return;
      case 'connecting':
      case 'closed':
        return;
    }
  }

  #linkEnded(): void {
    this.#linkEpoch = 0;
    this.#failCalls('UNKNOWN_OUTCOME', 'the link ended before an answer');
    this.#forgetInbound();
  }

  /** The link knows that the peer's epoch is over: a newer one spoke, or the registry did. */
  #epochOver(): void {
    const ended = this.#peerEpoch;
    this.#linkEpoch = 0;
    this.#peerEpoch = 0;
    this.#endedEpoch = Math.max(this.#endedEpoch, ended);
    this.#failCalls('NODE_LOST', 'its node’s epoch has ended');
    this.#forgetInbound();
    if (ended !== 0) this.watches.epochEnded(ended, false, epochOver);
  }

  #failCalls(code: 'UNKNOWN_OUTCOME' | 'NODE_LOST', detail: string): void {
    for (const call of [...this.calls.values()]) call.fail(code, detail);
  }

  /** P2, with all that was meant for whom nobody there is any more. */
  #forgetInbound(): void {
    this.#outbox.clear();
    this.#starved.clear();
    for (const ask of [...this.asks.values()]) ask.giveUp();
    this.asks.clear();
    const feeds = [...this.feeds.values()];
    this.feeds.clear();
    for (const feed of feeds) feed.cancel();
    for (const off of this.watched.values()) off();
    this.watched.clear();
  }
}

/** What the registry last said of the members. */
export interface MembersSeen {
  /** Views so far. */
  readonly views: number;
  epochOf(node: string): number | undefined;
}

export interface PeerParts {
  readonly options: Partial<LinkOptions>;
  readonly members: MembersSeen;
  send(frame: Uint8Array): 'sent' | 'no-route';
  deliver(peer: Peer, envelope: WireEnvelope): void;
}

const epochOver = 'its node’s epoch has ended';
