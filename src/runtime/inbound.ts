import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { MessageDefinition } from './definition.ts';
import { AskEnvelope, leaseLost, type MessageOrigin, TimedEnvelope } from './envelope.ts';
import type { FinalState } from './ledger.ts';
import { wireFailure } from './outbox.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { encodeToBytes } from './wire/value.ts';
import type { WireEnvelope, WireOutcome } from './wire/wire-envelope.ts';

/** Sends on the system lane of the peer's link; false when the link is gone. */
export type Answer = (envelope: WireEnvelope) => boolean;

/** An ask that came from another node: its reply goes back as an envelope. */
export class InboundAsk extends AskEnvelope {
  wanted = true;
  readonly correlation: number;
  readonly #wheel: TimerWheel;
  readonly #answer: Answer;
  readonly #over: (ask: InboundAsk) => void;

  constructor(
    definition: MessageDefinition,
    body: unknown,
    origin: MessageOrigin | undefined,
    deadlineMs: number,
    parts: InboundAskParts,
  ) {
    super(definition, body, origin, deadlineMs);
    this.correlation = parts.correlation;
    this.#wheel = parts.wheel;
    this.#answer = parts.answer;
    this.#over = parts.over;
    this.#wheel.add(this);
  }

  succeed(value: unknown): boolean {
    if (!this.wanted) return false;
    if (this.gate !== undefined && !this.gate()) return this.fail(leaseLost(this));
    let body: Uint8Array;
    try {
      body = encodeToBytes(value);
    } catch (thrown) {
      return this.fail(LoomError.from(thrown, 'INVALID_MESSAGE'));
    }
    return this.#reply({ ok: true, body });
  }

  fail(error: LoomError): boolean {
    return this.wanted && this.#reply(wireFailure(error));
  }

  /** Nobody waits for a reply any more: none is sent, and the work is told to stop. */
  giveUp(): void {
    if (!this.wanted) return;
    this.#end();
    this.host?.givenUp(this, 'CANCELLED');
    // Also the work for a reply that is still owed, whose turn is over.
    this.abort(new LoomError('CANCELLED', 'the caller gave up'));
  }

  #reply(outcome: WireOutcome): boolean {
    this.#end();
    return this.#answer({ kind: 'reply', correlation: this.correlation, outcome });
  }

  #end(): void {
    this.wanted = false;
    this.#wheel.remove(this);
    this.#over(this);
  }
}

export interface InboundAskParts {
  readonly correlation: number;
  readonly wheel: TimerWheel;
  readonly answer: Answer;
  readonly over: (ask: InboundAsk) => void;
}

/** A tell that came from another node: when the actor does not take it, its sender's node hears of it. */
export class InboundTell extends TimedEnvelope {
  readonly #parts: InboundTellParts;

  /** `deadlineMs` is Infinity for a message that never expires. */
  constructor(
    definition: MessageDefinition,
    body: unknown,
    origin: MessageOrigin | undefined,
    deadlineMs: number,
    parts: InboundTellParts,
  ) {
    super(definition, body, origin, deadlineMs);
    this.#parts = parts;
    if (deadlineMs !== Number.POSITIVE_INFINITY) parts.wheel.add(this);
  }

  override closed(): void {
    if (this.deadlineMs !== Number.POSITIVE_INFINITY) this.#parts.wheel.remove(this);
  }

  /** A handler that failed did take it. */
  override endedWith(state: FinalState, code: ErrorCode, address: string, _cause: unknown): void {
    if (state !== 'failed') this.#parts.refused(state, code, address);
  }
}

export interface InboundTellParts {
  readonly wheel: TimerWheel;
  readonly refused: (state: FinalState, code: ErrorCode, address: string) => void;
}
