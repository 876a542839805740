import type { TimerHandle } from '../ports/clock.ts';
import { isErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Transport, TransportAttachment } from '../ports/transport.ts';
import type { ActorRef } from './actor-ref.ts';
import type { Engine } from './cell.ts';
import type {
  AskOptions,
  CallChain,
  Protocol,
  RequestDefinition,
  SequencedItem,
  SignalDefinition,
  SubscribeOptions,
  SubscriptionDefinition,
  TellOptions,
  TellOutcome,
} from './definition.ts';
import { maxCallDepth } from './envelope.ts';
import { LocalFeed } from './feed.ts';
import type { LinkOptions } from './link/link-options.ts';
import { defaultCredits } from './local-ask.ts';
import { Peer } from './peer.ts';
import { type Inbox, Reception } from './reception.ts';
import { RemoteCall, type RemoteSubscription } from './remote-call.ts';
import { type RemotePost, RemoteRef, type RemoteTarget } from './remote-ref.ts';
import type { Terminated } from './watch.ts';
import { encodeToBytes } from './wire/value.ts';
import type { WireEnvelope } from './wire/wire-envelope.ts';

export interface RouterOptions {
  readonly engine: Engine;
  readonly transport: Transport;
  readonly inbox: Inbox;
  readonly link?: Partial<LinkOptions>;
  /** How often a peer is pinged while something waits for it; default 500 ms. */
  readonly pingMs?: number;
  /** Calls and subscriptions that may wait for other nodes at once; default 100,000. */
  readonly maxCalls?: number;
}

/**
 * Messages to and from other nodes.
 *
 * R1. A message to another node is counted as sent here; what becomes of it is booked by its peer's link (`peer.ts`).
 * R2. A call ends once: by its reply, its deadline, its caller, its link, or the end of the peer's epoch.
 * R3. A peer that something waits for is pinged, so that its silence becomes a link that is down, in bounded time.
 */
export class Router implements RemotePost {
  readonly #options: RouterOptions;
  readonly #engine: Engine;
  readonly #peers = new Map<string, Peer>();
  readonly #attachment: TransportAttachment;
  readonly #reception: Reception;
  #nextCorrelation = 1;
  #calls = 0;
  #pinging: TimerHandle | undefined = undefined;
  #closed = false;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#engine = options.engine;
    this.#reception = new Reception(options.engine, options.inbox);
    this.#attachment = options.transport.attach(options.engine.node, {
      receive: (from, frame) => {
        if (!this.#closed) this.#peer(from).link.receive(frame);
      },
      peerGone: (peer) => {
        this.#peers.get(peer)?.link.peerGone();
      },
    });
  }

  /** A reference to the actor at `path` on another node. */
  ref<P extends Protocol>(protocol: P, node: string, path: string): ActorRef<P> {
    return new RemoteRef(
      protocol,
      { node, target: { kind: 'named', path }, address: `${node}/${path}` },
      this,
    );
  }

  /** A reference to a virtual actor on the node that is believed to own it. */
  virtualRef<P extends Protocol>(protocol: P, node: string, type: string, key: string): ActorRef<P> {
    const target = { kind: 'virtual', type, key, token: 0 } as const;
    return new RemoteRef(protocol, { node, target, address: `${type}/${key}` }, this);
  }

  /** Ends what waits for an epoch of a node that the registry has ended. */
  epochEnded(node: string, epoch: number, reason: string): void {
    this.#peers.get(node)?.epochEnded(epoch, reason);
  }

  tell(
    to: RemoteTarget,
    definition: SignalDefinition<unknown>,
    body: unknown,
    options: TellOptions | undefined,
  ): TellOutcome {
    const bytes = encodeToBytes(body);
    const trace = options?.trace;
    const remainingMs = options?.deadlineMs;
    this.#engine.ledger.sent++;
    const outgoing = { definition, target: to.address, traceId: trace?.traceId, call: undefined };
    const outcome = this.#peer(to.node).post(
      'tell',
      {
        kind: 'tell',
        target: to.target,
        tellId: this.#nextCorrelation++,
        ...(remainingMs === undefined ? {} : { remainingMs: Math.max(1, remainingMs) }),
        ...(trace === undefined ? {} : { trace }),
        protocol: definition.protocolName,
        message: definition.name,
        body: bytes,
      },
      outgoing,
    );
    return outcome === 'down' ? 'gone' : outcome;
  }

  ask(
    to: RemoteTarget,
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const bytes = encodeToBytes(body);
      this.#admit(to.address);
      const remainingMs = options?.deadlineMs ?? this.#engine.defaultDeadlineMs;
      const peer = this.#peer(to.node);
      const correlation = this.#nextCorrelation++;
      const call = new RemoteCall({
        deadlineMs: this.#engine.clock.monotonicMs() + remainingMs,
        peer: to.node,
        correlation,
        definition,
        target: to.address,
        wheel: this.#engine.wheel,
        settled: (settled, giveUp) => {
          if (peer.calls.delete(settled.correlation)) this.#calls--;
          if (giveUp) peer.send('system', { kind: 'cancel', correlation });
        },
        resolve,
        reject,
      });
      peer.calls.set(correlation, call);
      this.#calls++;
      this.#engine.ledger.sent++;
      const trace = options?.trace;
      peer.post(
        'ask',
        {
          kind: 'ask',
          target: to.target,
          correlation,
          remainingMs: Math.max(1, remainingMs),
          ...(trace === undefined ? {} : { trace }),
          chain: chainAddresses(options?.chain),
          protocol: definition.protocolName,
          message: definition.name,
          body: bytes,
        },
        { definition, target: to.address, traceId: trace?.traceId, call },
      );
      if (options?.signal !== undefined) call.follow(options.signal);
      this.#ping();
    });
  }

  subscribe(
    to: RemoteTarget,
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncIterable<SequencedItem<unknown>> {
    this.#admit(to.address);
    const credits = options?.credits ?? defaultCredits;
    const fromSequence = options?.fromSequence ?? 0;
    const feed = new LocalFeed<unknown>(fromSequence, credits);
    const peer = this.#peer(to.node);
    const correlation = this.#nextCorrelation++;
    const subscription: RemoteSubscription = {
      kind: 'subscription',
      peer: to.node,
      correlation,
      definition,
      feed,
    };
    feed.onChange(() => {
      if (feed.closed && peer.calls.delete(correlation)) peer.send('system', { kind: 'cancel', correlation });
    });
    feed.onTaken = () => {
      peer.send('system', { kind: 'credit', correlation, credits: 1 });
    };
    peer.calls.set(correlation, subscription);
    this.#engine.ledger.sent++;
    const outgoing = { definition, target: to.address, traceId: undefined, call: undefined };
    const outcome = peer.post(
      'tell',
      {
        kind: 'subscribe',
        target: to.target,
        correlation,
        credits,
        fromSequence,
        protocol: definition.protocolName,
        message: definition.name,
        body: encodeToBytes(body),
      },
      outgoing,
    );
    if (outcome !== 'accepted') {
      peer.calls.delete(correlation);
      feed.fail(new LoomError(outcome === 'full' ? 'LINK_FULL' : 'NODE_UNREACHABLE', to.address));
    }
    options?.signal?.addEventListener('abort', () => feed.cancel(), { once: true });
    this.#ping();
    return feed;
  }

  watch(to: RemoteTarget, listener: (terminated: Terminated) => void): () => void {
    const peer = this.#peer(to.node);
    const watchId = this.#nextCorrelation++;
    peer.watches.set(watchId, { to, listener });
    peer.send('system', { kind: 'watch', target: to.target, watchId });
    this.#ping();
    return () => {
      if (peer.watches.delete(watchId)) peer.send('system', { kind: 'unwatch', target: to.target, watchId });
    };
  }

  /** Counted messages that left and are neither acknowledged nor resolved. */
  get unacknowledged(): number {
    let count = 0;
    for (const peer of this.#peers.values()) count += peer.unacknowledged;
    return count;
  }

  /** What is known of the links, for status. */
  links(): readonly {
    readonly peer: string;
    readonly state: string;
    readonly roundTripMs: number | undefined;
  }[] {
    return [...this.#peers.values()].map(({ node, link }) => ({
      peer: node,
      state: link.state.kind,
      roundTripMs: link.roundTripMs,
    }));
  }

  close(): void {
    this.#closed = true;
    this.#pinging?.cancel();
    for (const peer of this.#peers.values()) peer.close();
    this.#attachment.close();
  }

  #admit(address: string): void {
    const limit = this.#options.maxCalls ?? 100_000;
    if (this.#calls >= limit) throw new LoomError('NODE_LIMIT', `${limit} calls wait already; to ${address}`);
  }

  #peer(node: string): Peer {
    let peer = this.#peers.get(node);
    if (peer === undefined) {
      peer = new Peer(node, this.#engine, {
        options: this.#options.link ?? {},
        send: (frame) => this.#attachment.send(node, frame),
        deliver: (from, envelope) => this.#deliver(from, envelope),
      });
      this.#peers.set(node, peer);
    }
    return peer;
  }

  #deliver(peer: Peer, envelope: WireEnvelope): void {
    switch (envelope.kind) {
      case 'reply': {
        const call = peer.calls.get(envelope.correlation);
        if (call?.kind === 'ask') call.answer(envelope.outcome);
        else this.#engine.ledger.lateReplies++;
        return;
      }
      case 'refusal':
        this.#engine.record({
          state: 'refused',
          code: isErrorCode(envelope.code) ? envelope.code : 'INTERNAL',
          target: envelope.detail,
          protocol: '',
          message: `tell ${envelope.tellId}`,
          traceId: undefined,
        });
        return;
      case 'item':
      case 'end':
        this.#reception.feedArrived(peer, envelope);
        return;
      case 'terminated': {
        const watch = peer.watches.get(envelope.watchId);
        peer.watches.delete(envelope.watchId);
        watch?.listener({
          address: watch.to.address,
          epoch: peer.link.peerEpoch,
          incarnation: envelope.incarnation,
          reason: envelope.reason,
        });
        return;
      }
      default:
        this.#reception.arrived(peer, envelope);
    }
  }

  /** R3: one timer for all peers, only while something waits. */
  #ping(): void {
    if (this.#pinging !== undefined || this.#closed) return;
    const pingMs = this.#options.pingMs ?? 500;
    this.#pinging = this.#engine.clock.after(pingMs, () => {
      this.#pinging = undefined;
      let waiting = false;
      for (const peer of this.#peers.values()) {
        if (!peer.awaited) continue;
        waiting = true;
        if (!peer.send('system', { kind: 'ping', nonce: this.#nextCorrelation++ })) peer.link.want();
      }
      if (waiting) this.#ping();
    });
  }
}

/** Outermost first, as the wire has it. */
function chainAddresses(chain: CallChain | undefined): readonly string[] {
  const addresses: string[] = [];
  for (let link = chain; link !== undefined && addresses.length < maxCallDepth; link = link.above)
    addresses.unshift(link.address);
  return addresses;
}
