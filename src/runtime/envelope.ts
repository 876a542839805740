import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import { CancelScope } from './cancel-signal.ts';
import type { CallChain, MessageDefinition } from './definition.ts';
import type { Feed } from './feed.ts';
import type { FinalState } from './ledger.ts';
import type { TimerWheel, WheelEntry } from './timer-wheel.ts';
import type { TraceContext } from './trace-context.ts';
import type { Deferred, Turn } from './turn.ts';

/** The longest call chain that is followed; a longer one is refused as a cycle. */
export const maxCallDepth = 16;

/** Where a message came from; absent on most local tells. */
export interface MessageOrigin {
  readonly trace: TraceContext | undefined;
  readonly chain: CallChain | undefined;
}

/**
 * Where a message is in its life. `waiting` covers an ask that waits for room in a blocking mailbox; after `closed`
 * its final state is booked and the engine only drops it.
 */
export type EnvelopeState = 'new' | 'waiting' | 'queued' | 'turn' | 'stashed' | 'closed';

/** What an envelope needs of the cell that took it. */
export interface EnvelopeHost {
  monotonicMs(): number;
  /** The deadline of a message that this cell holds has passed, or its caller gave up. */
  givenUp(envelope: TimedEnvelope, code: 'DEADLINE_EXCEEDED' | 'CANCELLED'): void;
}

/** One message on its way to one actor. It is also the turn that its handler sees. */
export class Envelope implements Turn<unknown> {
  next: Envelope | undefined = undefined;
  state: EnvelopeState = 'new';
  host: EnvelopeHost | undefined = undefined;
  #cancel: Cancel | undefined = undefined;
  readonly definition: MessageDefinition;
  readonly body: unknown;
  readonly origin: MessageOrigin | undefined;

  constructor(definition: MessageDefinition, body: unknown, origin: MessageOrigin | undefined) {
    this.definition = definition;
    this.body = body;
    this.origin = origin;
  }

  get trace(): TraceContext | undefined {
    return this.origin?.trace;
  }

  get remainingMs(): number {
    return Number.POSITIVE_INFINITY;
  }

  /** Made on first use: most turns never look at it, and an AbortController costs more than a message. */
  get signal(): AbortSignal {
    const cancel = this.#cancelled;
    if (cancel.controller === undefined) {
      cancel.controller = new AbortController();
      if (cancel.reason !== undefined) cancel.controller.abort(cancel.reason);
    }
    return cancel.controller.signal;
  }

  /** Aborted together with `signal`: for the asks of this turn. */
  get scope(): CancelScope {
    const cancel = this.#cancelled;
    if (cancel.scope === undefined) {
      cancel.scope = new CancelScope();
      if (cancel.reason !== undefined) cancel.scope.abort();
    }
    return cancel.scope;
  }

  get abortReason(): LoomError | undefined {
    return this.#cancel?.reason;
  }

  abort(reason: LoomError): void {
    const cancel = this.#cancelled;
    if (cancel.reason !== undefined) return;
    cancel.reason = reason;
    cancel.controller?.abort(reason);
    cancel.scope?.abort();
  }

  get #cancelled(): Cancel {
    this.#cancel ??= { reason: undefined, controller: undefined, scope: undefined };
    return this.#cancel;
  }

  /** Called once, when the message's final state is booked. */
  closed(): void {}

  /** Tells whoever waits for it that the message ended in another state than handled. */
  endedWith(_state: FinalState, _code: ErrorCode, _address: string, _cause: unknown): void {}

  defer(): Deferred<unknown> {
    throw new LoomError(
      'INVALID_DEFINITION',
      `${this.definition.name} is a signal: it has no reply to defer`,
    );
  }
}

/** How a turn is told to give up; made when somebody looks. */
interface Cancel {
  reason: LoomError | undefined;
  controller: AbortController | undefined;
  scope: CancelScope | undefined;
}

/** A message with a deadline on the monotonic clock, held in the timer wheel until its final state is booked. */
export class TimedEnvelope extends Envelope implements WheelEntry {
  wheelBefore: WheelEntry | undefined = undefined;
  wheelAfter: WheelEntry | undefined = undefined;
  deadlineMs: number;

  constructor(
    definition: MessageDefinition,
    body: unknown,
    origin: MessageOrigin | undefined,
    deadlineMs: number,
  ) {
    super(definition, body, origin);
    this.deadlineMs = deadlineMs;
  }

  override get remainingMs(): number {
    return this.host === undefined ? 0 : Math.max(0, this.deadlineMs - this.host.monotonicMs());
  }

  due(): void {
    this.host?.givenUp(this, 'DEADLINE_EXCEEDED');
  }
}

/** A signal with a deadline. */
export class TimedTell extends TimedEnvelope {
  readonly #wheel: TimerWheel;

  constructor(
    definition: MessageDefinition,
    body: unknown,
    origin: MessageOrigin | undefined,
    deadlineMs: number,
    wheel: TimerWheel,
  ) {
    super(definition, body, origin, deadlineMs);
    this.#wheel = wheel;
    wheel.add(this);
  }

  override closed(): void {
    this.#wheel.remove(this);
  }
}

/** A request: exactly one of `succeed` and `fail` takes effect, and only the first time. */
export abstract class AskEnvelope extends TimedEnvelope {
  /** Asked before a success leaves: false when the key that it concerns is no longer owned. */
  gate: (() => boolean) | undefined = undefined;
  /** True until the caller has its answer. */
  abstract readonly wanted: boolean;
  /** Answers false when the caller is gone: the reply is late. */
  abstract succeed(value: unknown): boolean;
  abstract fail(error: LoomError): boolean;

  override endedWith(_state: FinalState, code: ErrorCode, address: string, cause: unknown): void {
    this.fail(closingError(code, this, address, cause));
  }

  override defer(): Deferred<unknown> {
    return new DeferredReply(this);
  }
}

/** A subscription: the feed through which its items go. */
export class SubscribeEnvelope extends Envelope {
  readonly feed: Feed<unknown>;

  constructor(
    definition: MessageDefinition,
    body: unknown,
    origin: MessageOrigin | undefined,
    feed: Feed<unknown>,
  ) {
    super(definition, body, origin);
    this.feed = feed;
  }

  override endedWith(_state: FinalState, code: ErrorCode, address: string, cause: unknown): void {
    this.feed.fail(closingError(code, this, address, cause));
  }
}

/** The error of a message that ended in another state than handled, for its caller. */
export function closingError(
  code: ErrorCode,
  envelope: Envelope,
  address: string,
  cause: unknown,
): LoomError {
  const { protocolName, name } = envelope.definition;
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  return new LoomError(code, `${protocolName}.${name} to ${address}${reason}`, {
    cause,
    details: { target: address, protocol: protocolName, message: name },
  });
}

export function leaseLost(ask: AskEnvelope): LoomError {
  const { protocolName, name } = ask.definition;
  return new LoomError('LEASE_LOST', `${protocolName}.${name}: the lease ended before the reply left`);
}

/** True when the target waits in this call chain already, or the chain is too deep to follow. */
export function closesCycle(chain: CallChain | undefined, target: string): boolean {
  if (chain === undefined) return false;
  if (chain.depth >= maxCallDepth) return true;
  for (let link: CallChain | undefined = chain; link !== undefined; link = link.above) {
    if (link.address === target) return true;
  }
  return false;
}

/** A reply that is still owed; one that comes when nobody waits for it any more is told to `onLate`. */
export class DeferredReply implements Deferred<unknown> {
  readonly deferred = true;
  onLate: (() => void) | undefined = undefined;
  readonly #ask: AskEnvelope;
  #given = false;

  constructor(ask: AskEnvelope) {
    this.#ask = ask;
  }

  get wanted(): boolean {
    return this.#ask.wanted;
  }

  resolve(value: unknown): void {
    if (!this.#give()) return;
    if (!this.#ask.succeed(value)) this.onLate?.();
  }

  reject(error: unknown): void {
    if (!this.#give()) return;
    if (!this.#ask.fail(LoomError.from(error, 'HANDLER_FAILED'))) this.onLate?.();
  }

  #give(): boolean {
    if (this.#given) return false;
    this.#given = true;
    return true;
  }
}
