import { type ErrorCode, isErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { CancelSignal } from './cancel-signal.ts';
import type { RequestDefinition } from './definition.ts';
import type { Waiting } from './departures.ts';
import { validated } from './schema.ts';
import type { TimerWheel, WheelEntry } from './timer-wheel.ts';
import { decodeValue } from './wire/value-decode.ts';
import type { WireFailure, WireOutcome } from './wire/wire-envelope.ts';

/** An ask whose target is on another node: its promise is settled here, once, by whatever comes first. */
export class RemoteCall implements WheelEntry, Waiting {
  wheelBefore: WheelEntry | undefined = undefined;
  wheelAfter: WheelEntry | undefined = undefined;
  readonly kind = 'ask';
  readonly deadlineMs: number;
  readonly correlation: number;
  accepted = false;
  readonly #definition: RequestDefinition<unknown, unknown, never>;
  readonly #target: string;
  readonly #over: (call: RemoteCall, givenUp: boolean) => void;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (error: LoomError) => void;
  readonly #wheel: TimerWheel;
  #signal: CancelSignal | undefined = undefined;
  #open = true;
  readonly #aborted = (): void => {
    this.#fail('CANCELLED', 'the caller gave up', true);
  };

  constructor(parts: RemoteCallParts) {
    this.deadlineMs = parts.deadlineMs;
    this.correlation = parts.correlation;
    this.#definition = parts.definition;
    this.#target = parts.target;
    this.#over = parts.over;
    this.#resolve = parts.resolve;
    this.#reject = parts.reject;
    this.#wheel = parts.wheel;
    this.#wheel.add(this);
  }

  get open(): boolean {
    return this.#open;
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
    this.#fail('DEADLINE_EXCEEDED', 'no reply in time', true);
  }

  answer(outcome: WireOutcome): void {
    if (!this.#open) return;
    this.#end(false);
    if (!outcome.ok) {
      this.#reject(failureOf(outcome, this.#target));
      return;
    }
    try {
      const { protocolName, name, out } = this.#definition;
      this.#resolve(validated(out, decodeValue(outcome.body), `${protocolName}.${name} (reply)`));
    } catch (thrown) {
      this.#reject(LoomError.from(thrown, 'FRAME_MALFORMED'));
    }
  }

  fail(code: ErrorCode, detail: string): void {
    this.#fail(code, detail, false);
  }

  #fail(code: ErrorCode, detail: string, givenUp: boolean): void {
    if (!this.#open) return;
    this.#end(givenUp);
    const { protocolName, name } = this.#definition;
    this.#reject(
      new LoomError(code, `${protocolName}.${name} to ${this.#target}: ${detail}`, {
        details: { target: this.#target, protocol: protocolName, message: name },
      }),
    );
  }

  #end(givenUp: boolean): void {
    this.#open = false;
    this.#wheel.remove(this);
    this.#signal?.removeEventListener('abort', this.#aborted);
    this.#over(this, givenUp);
  }
}

export interface RemoteCallParts {
  readonly deadlineMs: number;
  readonly correlation: number;
  readonly definition: RequestDefinition<unknown, unknown, never>;
  readonly target: string;
  readonly wheel: TimerWheel;
  /** Called once, when the promise is settled; `givenUp` when the other node may still work on it. */
  readonly over: (call: RemoteCall, givenUp: boolean) => void;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: LoomError) => void;
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
