import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { MessageDefinition } from './definition.ts';
import { AskEnvelope, Envelope, leaseLost, type MessageOrigin } from './envelope.ts';
import type { Feed } from './feed.ts';
import type { FinalState } from './ledger.ts';
import type { TimerWheel } from './timer-wheel.ts';
import { encodeToBytes } from './wire/value.ts';
import type { WireEnvelope, WireFailure } from './wire/wire-envelope.ts';

/** Sends on the system lane of the peer's link; false when the link cannot take it. */
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
    this.#end();
    return this.#answer({ kind: 'reply', correlation: this.correlation, outcome: { ok: true, body } });
  }

  fail(error: LoomError): boolean {
    if (!this.wanted) return false;
    this.#end();
    return this.#answer({ kind: 'reply', correlation: this.correlation, outcome: wireFailure(error) });
  }

  /** The asker wants no reply any more. */
  giveUp(): void {
    if (!this.wanted) return;
    this.host?.givenUp(this, 'CANCELLED');
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

/** A tell that came from another node: when the actor does not take it, its sender hears of it. */
export class InboundTell extends Envelope {
  readonly #tellId: number;
  readonly #answer: Answer;

  constructor(
    definition: MessageDefinition,
    body: unknown,
    origin: MessageOrigin | undefined,
    tellId: number,
    answer: Answer,
  ) {
    super(definition, body, origin);
    this.#tellId = tellId;
    this.#answer = answer;
  }

  override endedWith(state: FinalState, code: ErrorCode, address: string, _cause: unknown): void {
    if (state === 'failed') return;
    this.#answer({ kind: 'refusal', tellId: this.#tellId, code, detail: address });
  }
}

/** The producer's end of a subscription whose consumer is on another node. */
export class InboundFeed implements Feed<unknown> {
  nextSequence: number;
  credits: number;
  readonly correlation: number;
  readonly #send: (envelope: WireEnvelope) => boolean;
  #closed = false;
  #changed: (() => void) | undefined = undefined;
  #owedEnd: WireEnvelope | undefined = undefined;

  /** `send` uses the user lane: items wait for room on the link like any message. */
  constructor(
    correlation: number,
    fromSequence: number,
    credits: number,
    send: (envelope: WireEnvelope) => boolean,
  ) {
    this.correlation = correlation;
    this.nextSequence = fromSequence;
    this.credits = credits;
    this.#send = send;
  }

  get closed(): boolean {
    return this.#closed;
  }

  push(item: unknown): 'sent' | 'no-credit' | 'closed' {
    if (this.#closed) return 'closed';
    if (this.credits <= 0) return 'no-credit';
    const body = encodeToBytes(item);
    if (!this.#send({ kind: 'item', correlation: this.correlation, sequence: this.nextSequence, body }))
      return 'no-credit';
    this.nextSequence++;
    this.credits--;
    return 'sent';
  }

  onChange(listener: () => void): void {
    this.#changed = listener;
  }

  /** Credits came back, or (with 0) the link has room again. */
  grant(credits: number): void {
    this.credits += credits;
    if (this.#owedEnd !== undefined && this.#send(this.#owedEnd)) this.#owedEnd = undefined;
    this.#changed?.();
  }

  complete(): void {
    this.#finish({ kind: 'end', correlation: this.correlation, outcome: { ok: true } });
  }

  fail(error: LoomError): void {
    this.#finish({ kind: 'end', correlation: this.correlation, outcome: wireFailure(error) });
  }

  /** The end goes on the lane of the items, behind them; without room there it waits for `grant`. */
  #finish(end: WireEnvelope): void {
    if (this.#closed) return;
    this.#closed = true;
    if (!this.#send(end)) this.#owedEnd = end;
  }

  /** The consumer went away, or its link did. */
  cancel(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#changed?.();
  }
}

export function wireFailure(error: LoomError): WireFailure {
  return { ok: false, code: error.code, detail: error.message.slice(0, maxDetailLength) };
}

const maxDetailLength = 2000;
