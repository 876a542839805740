import { isErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { CancelSignal } from './cancel-signal.ts';
import type { RequestDefinition, SubscriptionDefinition } from './definition.ts';
import type { LocalFeed } from './feed.ts';
import { validated } from './schema.ts';
import type { TimerWheel, WheelEntry } from './timer-wheel.ts';
import { decodeValue } from './wire/value-decode.ts';
import type { WireFailure, WireOutcome } from './wire/wire-envelope.ts';

/** An ask whose target is on another node: its promise is settled here, once, by whatever comes first. */
export class RemoteCall implements WheelEntry {
  wheelBefore: WheelEntry | undefined = undefined;
  wheelAfter: WheelEntry | undefined = undefined;
  readonly kind = 'ask';
  readonly deadlineMs: number;
  readonly peer: string;
  readonly correlation: number;
  readonly definition: RequestDefinition<unknown, unknown, never>;
  readonly target: string;
  /** The peer's link has it: the reply is all that is missing. */
  accepted = false;
  readonly #settled: (call: RemoteCall, giveUp: boolean) => void;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: LoomError) => void;
  readonly #wheel: TimerWheel;
  #signal: CancelSignal | undefined = undefined;
  #open = true;
  readonly #aborted = (): void => {
    this.fail('CANCELLED', 'the caller gave up', true);
  };

  constructor(parts: RemoteCallParts) {
    this.deadlineMs = parts.deadlineMs;
    this.peer = parts.peer;
    this.correlation = parts.correlation;
    this.definition = parts.definition;
    this.target = parts.target;
    this.#settled = parts.settled;
    this.#resolve = parts.resolve;
    this.#reject = parts.reject;
    this.#wheel = parts.wheel;
    this.#wheel.add(this);
  }

  follow(signal: CancelSignal): void {
    if (signal.aborted) {
      this.#aborted();
      return;
    }
    this.#signal = signal;
    signal.addEventListener('abort', this.#aborted);
  }

  due(): void {
    this.fail('DEADLINE_EXCEEDED', 'no reply in time', true);
  }

  answer(outcome: WireOutcome): void {
    if (!outcome.ok) {
      this.#end(false);
      this.#reject(failureOf(outcome, this.target));
      return;
    }
    try {
      const { protocolName, name, out } = this.definition;
      const value = validated(out, decodeValue(outcome.body), `${protocolName}.${name} (reply)`);
      this.#end(false);
      this.#resolve(value);
    } catch (thrown) {
      this.#end(false);
      this.#reject(LoomError.from(thrown, 'FRAME_MALFORMED'));
    }
  }

  fail(code: ConstructorParameters<typeof LoomError>[0], detail: string, giveUp: boolean): void {
    if (!this.#open) return;
    this.#end(giveUp);
    const { protocolName, name } = this.definition;
    this.#reject(
      new LoomError(code, `${protocolName}.${name} to ${this.target}: ${detail}`, {
        details: { target: this.target, protocol: protocolName, message: name },
      }),
    );
  }

  #end(giveUp: boolean): void {
    this.#open = false;
    this.#wheel.remove(this);
    this.#signal?.removeEventListener('abort', this.#aborted);
    this.#settled(this, giveUp);
  }
}

export interface RemoteCallParts {
  readonly deadlineMs: number;
  readonly peer: string;
  readonly correlation: number;
  readonly definition: RequestDefinition<unknown, unknown, never>;
  readonly target: string;
  readonly wheel: TimerWheel;
  readonly settled: (call: RemoteCall, giveUp: boolean) => void;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: LoomError) => void;
}

/** The consumer's side of a subscription to an actor on another node. */
export interface RemoteSubscription {
  readonly kind: 'subscription';
  readonly peer: string;
  readonly correlation: number;
  readonly definition: SubscriptionDefinition<unknown, unknown>;
  readonly feed: LocalFeed<unknown>;
}

/** A failure that another node told: its code when this version knows it, else HANDLER_FAILED. */
export function failureOf(failure: WireFailure, target: string): LoomError {
  const code = isErrorCode(failure.code) ? failure.code : 'HANDLER_FAILED';
  const known = code === failure.code;
  const told = failure.detail.startsWith(`${code}: `)
    ? failure.detail.slice(code.length + 2)
    : failure.detail;
  return new LoomError(code, known ? told : `${failure.code}: ${told}`, { details: { target } });
}
