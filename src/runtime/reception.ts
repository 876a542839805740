import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Cell, Engine } from './cell.ts';
import type { CallChain, MessageDefinition, Protocol } from './definition.ts';
import { Envelope, type MessageOrigin, SubscribeEnvelope } from './envelope.ts';
import { InboundAsk, InboundFeed, InboundTell, wireFailure } from './inbound.ts';
import type { Peer } from './peer.ts';
import { failureOf } from './remote-call.ts';
import { validated } from './schema.ts';
import { decodeValue } from './wire/value-decode.ts';
import type {
  EndEnvelope,
  ItemEnvelope,
  AskEnvelope as WireAsk,
  WireEnvelope,
  SubscribeEnvelope as WireSubscribe,
  WireTarget,
  TellEnvelope as WireTell,
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

type WireMessage = WireAsk | WireTell | WireSubscribe;

/** What another node's messages become here: decoded, validated, given to their actor, or refused to their sender. */
export class Reception {
  readonly #engine: Engine;
  readonly #inbox: Inbox;

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
        this.#watch(peer, envelope.watchId, envelope.target);
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

  /** An item or the end of a subscription that an actor here consumes. */
  feedArrived(peer: Peer, envelope: ItemEnvelope | EndEnvelope): void {
    const subscription = peer.calls.get(envelope.correlation);
    if (subscription?.kind !== 'subscription') return;
    const { feed, definition } = subscription;
    if (envelope.kind === 'end') {
      peer.calls.delete(envelope.correlation);
      if (envelope.outcome.ok) feed.complete();
      else feed.fail(failureOf(envelope.outcome, definition.name));
      return;
    }
    try {
      const where = `${definition.protocolName}.${definition.name} (item)`;
      const item = validated(definition.item, decodeValue(envelope.body), where);
      if (envelope.sequence !== feed.nextSequence || feed.push(item) === 'no-credit') {
        throw new LoomError('FRAME_MALFORMED', `${where} ${envelope.sequence} came out of turn`);
      }
    } catch (thrown) {
      peer.calls.delete(envelope.correlation);
      peer.send('system', { kind: 'cancel', correlation: envelope.correlation });
      feed.fail(LoomError.from(thrown, 'FRAME_MALFORMED'));
    }
  }

  #take(peer: Peer, wire: WireMessage): void {
    const { target } = wire;
    const cell = target.kind === 'named' ? this.#inbox.cellAt(target.path) : undefined;
    const host = target.kind === 'virtual' ? this.#inbox.host(target.type) : undefined;
    const protocol = cell?.behavior.protocol ?? host?.protocol;
    if (protocol === undefined) {
      this.#refuse(peer, wire, missing(wire), new LoomError('NO_SUCH_ACTOR', addressOf(target)));
      return;
    }
    const definition = protocol.name === wire.protocol ? ownMessage(protocol, wire.message) : undefined;
    if (definition === undefined || !fits(definition, wire)) {
      const error = new LoomError(
        'UNKNOWN_MESSAGE',
        `${wire.protocol}.${wire.message} to ${addressOf(target)}`,
      );
      this.#refuse(peer, wire, missing(wire), error);
      return;
    }
    let body: unknown;
    try {
      body = validated(definition.in, decodeValue(wire.body), `${wire.protocol}.${wire.message}`);
    } catch (thrown) {
      this.#refuse(peer, wire, definition, LoomError.from(thrown, 'FRAME_MALFORMED'));
      return;
    }
    const envelope = this.#envelope(peer, wire, definition, body);
    if (target.kind === 'virtual') host?.deliver(target.key, envelope);
    else cell?.offer(envelope);
  }

  #envelope(peer: Peer, wire: WireMessage, definition: MessageDefinition, body: unknown): Envelope {
    const origin = originOf(wire);
    switch (wire.kind) {
      case 'tell':
        return new InboundTell(definition, body, origin, wire.tellId, (answer) =>
          peer.send('system', answer),
        );
      case 'subscribe': {
        const feed = new InboundFeed(wire.correlation, wire.fromSequence, wire.credits, (item) =>
          peer.send('user', item),
        );
        peer.feeds.set(wire.correlation, feed);
        return new SubscribeEnvelope(definition, body, origin, feed);
      }
      case 'ask': {
        const transitMs = (peer.link.roundTripMs ?? 0) / 2;
        const deadlineMs = this.#engine.clock.monotonicMs() + Math.max(1, wire.remainingMs - transitMs);
        const ask = new InboundAsk(definition, body, origin, deadlineMs, {
          correlation: wire.correlation,
          wheel: this.#engine.wheel,
          answer: (answer) => peer.send('system', answer),
          over: (over) => peer.asks.delete(over.correlation),
        });
        peer.asks.set(wire.correlation, ask);
        return ask;
      }
    }
  }

  /** Books a message that no actor here can take, and tells its sender. */
  #refuse(peer: Peer, wire: WireMessage, definition: MessageDefinition, error: LoomError): void {
    const envelope = new Envelope(definition, undefined, originOf(wire));
    const state = error.code === 'NO_SUCH_ACTOR' ? 'deadLettered' : 'refused';
    this.#engine.close(envelope, state, error.code as ErrorCode, addressOf(wire.target));
    switch (wire.kind) {
      case 'ask':
        peer.send('system', { kind: 'reply', correlation: wire.correlation, outcome: wireFailure(error) });
        return;
      case 'tell':
        peer.send('system', {
          kind: 'refusal',
          tellId: wire.tellId,
          code: error.code,
          detail: addressOf(wire.target),
        });
        return;
      case 'subscribe':
        peer.send('user', { kind: 'end', correlation: wire.correlation, outcome: wireFailure(error) });
        return;
    }
  }

  #watch(peer: Peer, watchId: number, target: WireTarget): void {
    const cell = target.kind === 'named' ? this.#inbox.cellAt(target.path) : undefined;
    if (cell?.ref === undefined) {
      peer.send('system', { kind: 'terminated', watchId, incarnation: 0, reason: 'no such actor' });
      return;
    }
    peer.watched.get(watchId)?.();
    const off = cell.ref.onTerminated(({ incarnation, reason }) => {
      peer.watched.delete(watchId);
      peer.send('system', { kind: 'terminated', watchId, incarnation, reason });
    });
    peer.watched.set(watchId, off);
  }
}

function ownMessage(protocol: Protocol, name: string): MessageDefinition | undefined {
  return Object.hasOwn(protocol.messages, name) ? protocol.messages[name] : undefined;
}

function fits(definition: MessageDefinition, wire: WireMessage): boolean {
  const kinds = { ask: 'request', tell: 'signal', subscribe: 'subscription' } as const;
  return definition.kind === kinds[wire.kind];
}

/** Stands for a message whose protocol is not known here, so that its end can be booked under the names it came with. */
function missing(wire: WireMessage): MessageDefinition {
  const anything = {
    '~standard': { version: 1, vendor: 'loom', validate: (value: unknown) => ({ value }) },
  } as const;
  return { kind: 'signal', in: anything, priority: false, name: wire.message, protocolName: wire.protocol };
}

function originOf(wire: WireMessage): MessageOrigin | undefined {
  let chain: CallChain | undefined;
  for (const address of wire.kind === 'ask' ? wire.chain : []) {
    chain = { address, above: chain, depth: (chain?.depth ?? 0) + 1 };
  }
  return wire.trace === undefined && chain === undefined ? undefined : { trace: wire.trace, chain };
}

function addressOf(target: WireTarget): string {
  switch (target.kind) {
    case 'actor':
      return `#${target.uid}`;
    case 'named':
      return target.path;
    case 'virtual':
      return `${target.type}/${target.key}`;
  }
}
