import type { TraceContext } from './trace-context.ts';

/** What a handler learns of the message that it handles, besides the message. Valid until the turn ends. */
export interface Turn<Reply> {
  /** Aborted when the caller cancels, the deadline passes, the actor is killed or its lease is lost. */
  readonly signal: AbortSignal;
  /** Milliseconds left of the call's deadline; Infinity when it has none. */
  readonly remainingMs: number;
  readonly trace: TraceContext | undefined;
  /**
   * Takes the reply out of the turn: the handler returns the answer of `defer`, the turn ends, and the reply is given
   * later by another turn. The call's deadline goes on.
   */
  defer(): Deferred<Reply>;
}

/** A reply that is still owed. The first of `resolve` and `reject` counts; after the deadline neither does. */
export interface Deferred<Reply> {
  readonly deferred: true;
  /** False once the caller has an answer, has given up, or its deadline has passed. */
  readonly wanted: boolean;
  resolve(value: Reply): void;
  reject(error: unknown): void;
}
