import { isErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Member } from '../ports/registry.ts';
import type { Transport } from '../ports/transport.ts';
import type { ActorRef } from './actor-ref.ts';
import type { Engine } from './cell.ts';
import type {
  AskOptions,
  CallChain,
  MessageDefinition,
  Protocol,
  RequestDefinition,
  SequencedItem,
  SignalDefinition,
  SubscribeOptions,
  SubscriptionDefinition,
  TellOptions,
  TellOutcome,
} from './definition.ts';
import type { Departure, Waiting } from './departures.ts';
import { maxCallDepth } from './envelope.ts';
import { isFinalState } from './ledger.ts';
import type { LinkOptions } from './link/link-options.ts';
import { defaultCredits } from './local-ask.ts';
import type { Peer } from './peer.ts';
import { type LinkStatus, Peers } from './peers.ts';
import { type Inbox, Reception } from './reception.ts';
import { RemoteCall } from './remote-call.ts';
import { type RemotePost, RemoteRef, type RemoteTarget } from './remote-ref.ts';
import { RemoteSubscription } from './remote-subscription.ts';
import type { Terminated } from './watch.ts';
import { encodeToBytes } from './wire/value.ts';
import { maxRemainingMs, type RefusalEnvelope, type WireEnvelope } from './wire/wire-envelope.ts';

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
 * R1. A message to another node is counted as sent; what becomes of it is booked by its peer (`departures.ts`).
 * R2. A call ends once: by its reply, its deadline, its caller, its link, or the end of the peer's epoch.
 * R3. A peer that something waits for is pinged, so that its silence becomes a link that is down, in bounded time.
 * R4. A cancel never overtakes what it cancels: as long as that may be on its way, the cancel goes behind it.
 */
export class Router implements RemotePost {
  readonly #engine: Engine;
  readonly #maxCalls: number;
  readonly #peers: Peers;
  readonly #reception: Reception;
  #nextNumber = 1;

  constructor(options: RouterOptions) {
    const { engine, transport, inbox, link = {}, pingMs = 500, maxCalls = 100_000 } = options;
    this.#engine = engine;
    this.#maxCalls = maxCalls;
    this.#reception = new Reception(engine, inbox);
    this.#peers = new Peers({
      engine,
      transport,
      link,
      pingMs,
      deliver: (peer, envelope) => this.#take(peer, envelope),
    });
  }

  /** A reference to the actor at `path` on another node. */
  ref<P extends Protocol>(protocol: P, node: string, path: string): ActorRef<P> {
    const target = { kind: 'named', path } as const;
    return new RemoteRef(protocol, { node, target, address: `${node}/${path}` }, this);
  }

  /** A reference to a virtual actor on the node that is believed to own it. */
  virtualRef<P extends Protocol>(protocol: P, node: string, type: string, key: string): ActorRef<P> {
    const target = { kind: 'virtual', type, key, token: 0 } as const;
    return new RemoteRef(protocol, { node, target, address: `${type}/${key}` }, this);
  }

  /** The registry's word on who lives: ends what waits for epochs that do not. */
  viewed(members: readonly Member[]): void {
    this.#peers.viewed(members);
  }

  tell(
    to: RemoteTarget,
    definition: SignalDefinition<unknown>,
    body: unknown,
    options: TellOptions | undefined,
  ): TellOutcome {
    const { trace, deadlineMs } = options ?? {};
    const timed = deadlineMs !== undefined && deadlineMs !== Number.POSITIVE_INFINITY;
    const departure = departureOf('tell', to, definition, trace?.traceId, undefined);
    const outcome = this.#peers.to(to.node).post(departure, () => ({
      kind: 'tell',
      target: to.target,
      tellId: this.#nextNumber++,
      ...(timed ? { remainingMs: onWire(deadlineMs) } : {}),
      ...(trace === undefined ? {} : { trace }),
      protocol: definition.protocolName,
      message: definition.name,
      body: encodeToBytes(body),
    }));
    return outcome === 'down' ? 'gone' : outcome;
  }

  ask(
    to: RemoteTarget,
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#admit(to);
      const peer = this.#peers.to(to.node);
      const remainingMs = onWire(options?.deadlineMs ?? this.#engine.defaultDeadlineMs);
      const call = new RemoteCall({
        deadlineMs: this.#engine.clock.monotonicMs() + remainingMs,
        correlation: this.#nextNumber++,
        definition,
        target: to.address,
        wheel: this.#engine.wheel,
        over: (its, givenUp) => this.#callOver(peer, its, givenUp),
        resolve,
        reject,
      });
      if (options?.signal !== undefined) call.follow(options.signal);
      if (!call.open) return;
      peer.calls.set(call.correlation, call);
      const trace = options?.trace;
      peer.post(departureOf('ask', to, definition, trace?.traceId, call), () => ({
        kind: 'ask',
        target: to.target,
        correlation: call.correlation,
        remainingMs,
        ...(trace === undefined ? {} : { trace }),
        chain: chainAddresses(options?.chain),
        protocol: definition.protocolName,
        message: definition.name,
        body: encodeToBytes(body),
      }));
      this.#peers.ping();
    });
  }

  subscribe(
    to: RemoteTarget,
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncIterable<SequencedItem<unknown>> {
    const { credits = defaultCredits, fromSequence = 0, signal } = options ?? {};
    const peer = this.#peers.to(to.node);
    const subscription = new RemoteSubscription({
      correlation: this.#nextNumber++,
      definition,
      target: to.address,
      credits,
      fromSequence,
      credit: (envelope) => peer.send('system', envelope),
      over: (its, givenUp) => this.#callOver(peer, its, givenUp),
    });
    const { correlation, feed } = subscription;
    try {
      this.#admit(to);
      peer.calls.set(correlation, subscription);
      peer.post(departureOf('tell', to, definition, undefined, subscription), () => ({
        kind: 'subscribe',
        target: to.target,
        correlation,
        credits,
        fromSequence,
        protocol: definition.protocolName,
        message: definition.name,
        body: encodeToBytes(body),
      }));
    } catch (thrown) {
      const error = LoomError.from(thrown);
      subscription.fail(error.code, error.message);
    }
    if (signal !== undefined) feed.follow(signal);
    this.#peers.ping();
    return feed;
  }

  watch(to: RemoteTarget, listener: (terminated: Terminated) => void): () => void {
    const peer = this.#peers.to(to.node);
    const { target } = to;
    const watchId = this.#nextNumber++;
    peer.watch(watchId, to, listener);
    this.#peers.ping();
    return () => {
      if (peer.watches.remove(watchId)) peer.send('system', { kind: 'unwatch', target, watchId });
    };
  }

  /** Counted messages that left and are neither acknowledged nor resolved. */
  get unacknowledged(): number {
    return this.#peers.unacknowledged;
  }

  /** What is known of the links, for status. */
  links(): readonly LinkStatus[] {
    return this.#peers.links();
  }

  /** From now on messages of other nodes are refused with NODE_DRAINING; replies are still taken and sent. */
  refuseNew(): void {
    this.#reception.draining = true;
  }

  /** Resolves when nothing is on its way to a peer that may be there. */
  flushed(): Promise<void> {
    return this.#peers.flushed();
  }

  close(): void {
    this.#peers.close();
  }

  /** As a crash does: not another frame leaves. */
  crash(): void {
    this.#peers.crash();
  }

  #admit({ address }: RemoteTarget): void {
    const { calls } = this.#peers;
    if (calls >= this.#maxCalls) {
      throw new LoomError('NODE_LIMIT', `${calls} calls wait for other nodes already; to ${address}`);
    }
  }

  /** R4. */
  #callOver(peer: Peer, call: RemoteCall | RemoteSubscription, givenUp: boolean): void {
    const { correlation, accepted } = call;
    if (!peer.calls.delete(correlation) || !givenUp) return;
    peer.send(accepted ? 'system' : 'user', { kind: 'cancel', correlation });
  }

  #take(peer: Peer, envelope: WireEnvelope): void {
    switch (envelope.kind) {
      case 'reply': {
        const call = peer.calls.get(envelope.correlation);
        if (call?.kind === 'ask') call.answer(envelope.outcome);
        else this.#engine.ledger.lateReplies++;
        return;
      }
      case 'item':
      case 'end': {
        const call = peer.calls.get(envelope.correlation);
        if (call?.kind !== 'subscription') return;
        if (envelope.kind === 'item') call.item(envelope);
        else call.ended(envelope.outcome);
        return;
      }
      case 'refusal':
        this.#refused(envelope);
        return;
      case 'terminated':
        peer.watches.terminated(envelope.watchId, envelope.incarnation, envelope.reason);
        return;
      default:
        this.#reception.arrived(peer, envelope);
    }
  }

  /** The receiver's ledger has the state; here is the sender's record of it. */
  #refused({ state, code, address: target, protocol, message, trace }: RefusalEnvelope): void {
    this.#engine.record({
      state: isFinalState(state) ? state : 'refused',
      code: isErrorCode(code) ? code : 'INTERNAL',
      target,
      protocol,
      message,
      traceId: trace?.traceId,
    });
  }
}

function departureOf(
  kind: 'ask' | 'tell',
  to: RemoteTarget,
  definition: MessageDefinition,
  traceId: string | undefined,
  waiting: Waiting | undefined,
): Departure {
  return { kind, definition, target: to.address, traceId, waiting };
}

/** A remaining time as the wire takes it. */
function onWire(remainingMs: number): number {
  return Math.min(maxRemainingMs, Math.max(1, remainingMs));
}

/** Outermost first, as the wire has it. */
function chainAddresses(chain: CallChain | undefined): readonly string[] {
  const addresses: string[] = [];
  for (let link = chain; link !== undefined && addresses.length < maxCallDepth; link = link.above)
    addresses.unshift(link.address);
  return addresses;
}
