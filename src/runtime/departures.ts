import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Engine } from './cell.ts';
import type { MessageDefinition } from './definition.ts';
import type { Link } from './link/link.ts';
import type { ItemOutcome, OfferOutcome, OutgoingItem } from './link/link-host.ts';
import type { WireEnvelope } from './wire/wire-envelope.ts';

/** A counted message to another node. */
export interface Departure {
  readonly kind: 'ask' | 'tell';
  readonly definition: MessageDefinition;
  readonly target: string;
  readonly traceId: string | undefined;
  /** The call or subscription that begins with the message, and ends when the message does not arrive. */
  readonly waiting: Waiting | undefined;
}

export interface Waiting {
  /** The peer's link has the message: what is missing is the answer. */
  accepted: boolean;
  fail(code: ErrorCode, detail: string): void;
}

/**
 * Counted messages that left for one peer, each until its final state is booked here.
 *
 * DP1. Each message is booked once, by what the link says became of it: handed over (the peer's ledger goes on with
 *      it), dead-lettered (it never arrived) or lost (the peer's epoch ended).
 * DP2. Before that it may be booked as unknown, once; the final word takes that back.
 * DP3. One that cannot be sent at all is refused, and the call throws.
 */
export class Departures {
  readonly #engine: Engine;
  readonly #open = new Map<number, Departure>();
  readonly #unknown = new Set<number>();
  #nextTag = 1;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Messages that left and are neither acknowledged nor booked as unknown. */
  get unacknowledged(): number {
    return this.#open.size - this.#unknown.size;
  }

  /** Counts and offers a message; when it is not taken, it is booked here and the answer (or the throw) says why. */
  offer(link: Link, departure: Departure, make: () => WireEnvelope): OfferOutcome {
    this.#engine.ledger.sent++;
    const tag = this.#nextTag++;
    let outcome: OfferOutcome;
    try {
      outcome = link.offer({ lane: 'user', kind: departure.kind, envelope: make(), tag });
    } catch (thrown) {
      const error = LoomError.from(thrown);
      this.#book('refused', error.code, departure, error.message);
      throw error;
    }
    if (outcome === 'accepted') this.#open.set(tag, departure);
    else if (outcome === 'full') this.#book('refused', 'LINK_FULL', departure);
    else this.#book('deadLettered', 'NODE_UNREACHABLE', departure);
    return outcome;
  }

  resolved({ tag }: OutgoingItem, outcome: ItemOutcome): void {
    const departure = this.#open.get(tag);
    if (departure === undefined) return;
    const { ledger } = this.#engine;
    if (outcome === 'unknown' || outcome === 'unknown-outcome') {
      if (this.#unknown.has(tag)) return;
      this.#unknown.add(tag);
      ledger.unknown++;
      departure.waiting?.fail('UNKNOWN_OUTCOME', 'the link ended before an answer');
      return;
    }
    this.#open.delete(tag);
    if (this.#unknown.delete(tag)) ledger.unknown--;
    switch (outcome) {
      case 'received':
        ledger.handedOver++;
        if (departure.waiting !== undefined) departure.waiting.accepted = true;
        return;
      case 'not-received':
        this.#book('deadLettered', 'NODE_UNREACHABLE', departure);
        return;
      case 'lost':
        this.#book('lost', 'NODE_LOST', departure);
        return;
    }
  }

  #book(
    state: 'refused' | 'deadLettered' | 'lost',
    code: ErrorCode,
    departure: Departure,
    detail: string = 'the message was not taken',
  ): void {
    this.#engine.ledger[state]++;
    const { definition, target, traceId } = departure;
    const { protocolName: protocol, name: message } = definition;
    this.#engine.record({ state, code, target, protocol, message, traceId });
    departure.waiting?.fail(code, detail);
  }
}
