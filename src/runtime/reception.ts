import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Cell, Engine } from './cell.ts';
import type { CallChain, MessageDefinition, Protocol } from './definition.ts';
import { Envelope, type MessageOrigin, SubscribeEnvelope } from './envelope.ts';
import { InboundAsk, InboundTell } from './inbound.ts';
import { InboundFeed } from './inbound-feed.ts';
import type { FinalState } from './ledger.ts';
import { wireFailure } from './outbox.ts';
import type { Peer } from './peer.ts';
import { unchecked, validated } from './schema.ts';
import { decodeValue } from './wire/value-decode.ts';
import type {
  TellEnvelope,
  WatchEnvelope,
  AskEnvelope as WireAsk,
  WireEnvelope,
  SubscribeEnvelope as WireSubscribe,
  WireTarget,
} from './wire/wire-envelope.ts';

/** Where messages from other nodes go. */
export interface Inbox {
  /** The actor that a path names, when it lives here. */
  cellAt(path: string): Cell | undefined;
  /** What hosts virtual actors of a kind here. */
  host(kind: string): VirtualInbox | undefined;
}

/** Takes messages for virtual actors: it starts them, or says why it does not. */
export interface VirtualInbox {
  readonly protocol: Protocol;
  deliver(key: string, envelope: Envelope): void;
}

type WireMessage = WireAsk | TellEnvelope | WireSubscribe;

/**
 * What another node's messages become here: decoded, validated, given to their actor, or refused to their sender.
 *
 * RC1. Each message that arrives is counted as received, and booked once: by the actor that takes it, or here.
 * RC2. What a schema throws, or anything else about the bytes, is the sender's failure, never this node's.
 */
export class Reception {
  readonly #engine: Engine;
  readonly #inbox: Inbox;
  /** While this is true, what comes is refused with NODE_DRAINING. */
  draining = false;

  constructor(engine: Engine, inbox: Inbox) {
    this.#engine = engine;
    this.#inbox = inbox;
  }

  arrived(peer: Peer, envelope: WireEnvelope): void {
    switch (envelope.kind) {
      case 'ask':
      case 'tell':
      case 'subscribe':
        this.#engine.ledger.received++;
        this.#take(peer, envelope);
        return;
      case 'cancel':
        peer.asks.get(envelope.correlation)?.giveUp();
        peer.feeds.get(envelope.correlation)?.cancel();
        peer.feeds.delete(envelope.correlation);
        return;
      case 'credit':
        peer.feeds.get(envelope.correlation)?.grant(envelope.credits);
        return;
      case 'watch':
        this.#watch(peer, envelope);
        return;
      case 'unwatch':
        peer.watched.get(envelope.watchId)?.();
        peer.watched.delete(envelope.watchId);
        return;
      case 'ping':
        peer.send('system', { kind: 'pong', nonce: envelope.nonce });
        return;
      default:
        return;
    }
  }

  #take(peer: Peer, wire: WireMessage): void {
    const { target } = wire;
    const address = this.#addressOf(target);
    const cell = target.kind === 'named' ? this.#inbox.cellAt(target.path) : undefined;
    const host = target.kind === 'virtual' ? this.#inbox.host(target.type) : undefined;
    const protocol = cell?.behavior.protocol ?? host?.protocol;
    let definition: MessageDefinition | undefined;
    let envelope: Envelope;
    try {
      if (this.draining) throw new LoomError('NODE_DRAINING', address);
      if (protocol === undefined) throw new LoomError('NO_SUCH_ACTOR', address);
      definition = messageOf(protocol, wire);
      const body = validated(definition.in, decodeValue(wire.body), `${wire.protocol}.${wire.message}`);
      envelope = this.#envelope(peer, wire, definition, body);
    } catch (thrown) {
      const error = LoomError.from(thrown, 'FRAME_MALFORMED');
      this.#refuse(peer, wire, definition ?? namesOf(wire), address, error);
      return;
    }
    if (target.kind === 'virtual') host?.deliver(target.key, envelope);
    else cell?.offer(envelope);
  }

  #envelope(peer: Peer, wire: WireMessage, definition: MessageDefinition, body: unknown): Envelope {
    const origin = originOf(wire);
    const { wheel } = this.#engine;
    switch (wire.kind) {
      case 'tell': {
        const { peerEpoch } = peer.link;
        return new InboundTell(definition, body, origin, this.#deadlineMs(peer, wire.remainingMs), {
          wheel,
          // The sender's next epoch has not sent it.
          refused: (state, code, address) => {
            if (peer.link.peerEpoch === peerEpoch) sendRefusal(peer, wire, state, code, address);
          },
        });
      }
      case 'subscribe': {
        const feed = new InboundFeed(wire.correlation, wire.fromSequence, wire.credits, {
          item: (its, item) => peer.sendItem(its, item),
          end: (its, end) => {
            if (peer.feeds.get(its.correlation) === its) peer.feeds.delete(its.correlation);
            peer.send('user', end);
          },
        });
        peer.feeds.set(wire.correlation, feed);
        return new SubscribeEnvelope(definition, body, origin, feed);
      }
      case 'ask': {
        const ask = new InboundAsk(definition, body, origin, this.#deadlineMs(peer, wire.remainingMs), {
          correlation: wire.correlation,
          wheel,
          answer: (answer) => peer.send('system', answer),
          over: (its) => {
            if (peer.asks.get(its.correlation) === its) peer.asks.delete(its.correlation);
          },
        });
        peer.asks.set(wire.correlation, ask);
        return ask;
      }
    }
  }

  /** On this node's clock: what is left of the sender's time, less the estimated transit. */
  #deadlineMs(peer: Peer, remainingMs: number | undefined): number {
    if (remainingMs === undefined) return Number.POSITIVE_INFINITY;
    const transitMs = (peer.link.roundTripMs ?? 0) / 2;
    return this.#engine.clock.monotonicMs() + Math.max(1, remainingMs - transitMs);
  }

  /** Books a message that no actor here can take, and tells its sender. */
  #refuse(
    peer: Peer,
    wire: WireMessage,
    definition: MessageDefinition,
    address: string,
    error: LoomError,
  ): void {
    const state = error.code === 'NO_SUCH_ACTOR' ? 'deadLettered' : 'refused';
    this.#engine.close(new Envelope(definition, undefined, originOf(wire)), state, error.code, address);
    switch (wire.kind) {
      case 'ask':
        peer.send('system', { kind: 'reply', correlation: wire.correlation, outcome: wireFailure(error) });
        return;
      case 'tell':
        sendRefusal(peer, wire, state, error.code, address);
        return;
      case 'subscribe':
        peer.send('user', { kind: 'end', correlation: wire.correlation, outcome: wireFailure(error) });
        return;
    }
  }

  #watch(peer: Peer, { watchId, target }: WatchEnvelope): void {
    peer.watched.get(watchId)?.();
    peer.watched.delete(watchId);
    const cell = target.kind === 'named' ? this.#inbox.cellAt(target.path) : undefined;
    if (cell?.ref === undefined) {
      peer.send('system', { kind: 'terminated', watchId, incarnation: 0, reason: 'no such actor' });
      return;
    }
    const off = cell.ref.onTerminated(({ incarnation, reason }) => {
      peer.watched.delete(watchId);
      peer.send('system', { kind: 'terminated', watchId, incarnation, reason });
    });
    peer.watched.set(watchId, off);
  }

  /** As the sender's reference has it. */
  #addressOf(target: WireTarget): string {
    switch (target.kind) {
      case 'actor':
        return `${this.#engine.node}/$${target.uid}`;
      case 'named':
        return `${this.#engine.node}/${target.path}`;
      case 'virtual':
        return `${target.type}/${target.key}`;
    }
  }
}

function sendRefusal(
  peer: Peer,
  wire: TellEnvelope,
  state: FinalState,
  code: ErrorCode,
  address: string,
): void {
  const { tellId, protocol, message, trace } = wire;
  const refusal = { kind: 'refusal', tellId, state, code, address, protocol, message } as const;
  peer.send('system', trace === undefined ? refusal : { ...refusal, trace });
}

const kinds = { ask: 'request', tell: 'signal', subscribe: 'subscription' } as const;

/** UNKNOWN_MESSAGE when the protocol has no such message of this kind. */
function messageOf(protocol: Protocol, wire: WireMessage): MessageDefinition {
  const definition =
    protocol.name === wire.protocol && Object.hasOwn(protocol.messages, wire.message)
      ? protocol.messages[wire.message]
      : undefined;
  if (definition?.kind === kinds[wire.kind]) return definition;
  throw new LoomError('UNKNOWN_MESSAGE', `${wire.protocol}.${wire.message} as a ${kinds[wire.kind]}`);
}

/** Stands for a message that no protocol here has, so that its end can be booked under the names it came with. */
function namesOf(wire: WireMessage): MessageDefinition {
  const { message: name, protocol: protocolName } = wire;
  return { kind: 'signal', in: unchecked(), priority: false, name, protocolName };
}

function originOf(wire: WireMessage): MessageOrigin | undefined {
  let chain: CallChain | undefined;
  for (const address of wire.kind === 'ask' ? wire.chain : []) {
    chain = { address, above: chain, depth: (chain?.depth ?? 0) + 1 };
  }
  return wire.trace === undefined && chain === undefined ? undefined : { trace: wire.trace, chain };
}
