import type { LoomError } from '../ports/loom-error.ts';
import type { CancelSignal } from './cancel-signal.ts';
import type { AskOptions, MessageDefinition, TellOptions } from './definition.ts';
import { AskEnvelope, Envelope, leaseLost, type MessageOrigin, TimedTell } from './envelope.ts';
import { type BudgetEntry, type TimerWheel, undated } from './timer-wheel.ts';

/** Items that a producer may send ahead of its consumer. */
export const defaultCredits = 64;

export function originOf(options: AskOptions | undefined): MessageOrigin | undefined {
  if (options === undefined || (options.trace === undefined && options.chain === undefined)) return undefined;
  return { trace: options.trace, chain: options.chain };
}

/** The envelope of a tell with options. */
export function tellWith(
  definition: MessageDefinition,
  body: unknown,
  options: TellOptions,
  nowMs: number,
  wheel: TimerWheel,
): Envelope {
  const origin = options.trace === undefined ? undefined : { trace: options.trace, chain: undefined };
  if (options.deadlineMs === undefined) return new Envelope(definition, body, origin);
  return new TimedTell(definition, body, origin, nowMs + options.deadlineMs, wheel);
}

/** An ask whose caller is on this node: its promise is settled here, once. */
export class LocalAsk extends AskEnvelope implements BudgetEntry {
  wanted = true;
  readonly budgetMs: number;
  readonly #wheel: TimerWheel;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: LoomError) => void;
  #followed: { readonly signal: CancelSignal; readonly listener: () => void } | undefined = undefined;

  constructor(
    definition: MessageDefinition,
    body: unknown,
    origin: MessageOrigin | undefined,
    budgetMs: number,
    wheel: TimerWheel,
    resolve: (value: unknown) => void,
    reject: (error: LoomError) => void,
  ) {
    super(definition, body, origin, undated);
    this.budgetMs = budgetMs;
    this.#wheel = wheel;
    this.#resolve = resolve;
    this.#reject = reject;
    wheel.addUndated(this);
  }

  override get remainingMs(): number {
    return this.deadlineMs === undated ? this.budgetMs : super.remainingMs;
  }

  /** Gives the ask up when `signal` is aborted. */
  follow(signal: CancelSignal): void {
    const listener = (): void => {
      this.host?.givenUp(this, 'CANCELLED');
    };
    if (signal.aborted) {
      listener();
      return;
    }
    this.#followed = { signal, listener };
    signal.addEventListener('abort', listener);
  }

  succeed(value: unknown): boolean {
    if (!this.wanted) return false;
    if (this.gate !== undefined && !this.gate()) return this.fail(leaseLost(this));
    this.#settle();
    this.#resolve(value);
    return true;
  }

  fail(error: LoomError): boolean {
    if (!this.wanted) return false;
    this.#settle();
    this.#reject(error);
    return true;
  }

  #settle(): void {
    this.wanted = false;
    this.#wheel.remove(this);
    const followed = this.#followed;
    if (followed !== undefined) followed.signal.removeEventListener('abort', followed.listener);
  }
}
