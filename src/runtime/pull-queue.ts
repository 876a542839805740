import type { LoomError } from '../ports/loom-error.ts';
import type { TraceContext } from './trace-context.ts';
import type { Deferred } from './turn.ts';

/** One piece of work, from its asker's call until the asker has an answer. */
export class Piece {
  before: Piece | undefined = undefined;
  after: Piece | undefined = undefined;
  queued = false;
  readonly body: unknown;
  readonly reply: Deferred<unknown>;
  /** Aborted when the asker gives up or its deadline passes. */
  readonly signal: AbortSignal;
  /** The asker's deadline on the monotonic clock. */
  readonly untilMs: number;
  readonly trace: TraceContext | undefined;

  constructor(
    body: unknown,
    reply: Deferred<unknown>,
    signal: AbortSignal,
    untilMs: number,
    trace: TraceContext | undefined,
  ) {
    this.body = body;
    this.reply = reply;
    this.signal = signal;
    this.untilMs = untilMs;
    this.trace = trace;
  }

  answer(
    answer:
      | { readonly ok: true; readonly value: unknown }
      | { readonly ok: false; readonly error: LoomError },
  ): void {
    if (!this.reply.wanted) return;
    if (answer.ok) this.reply.resolve(answer.value);
    else this.reply.reject(answer.error);
  }
}

/** Pieces that wait for a worker, first come first served; one whose asker has left is taken out at once. */
export class PullQueue {
  #first: Piece | undefined = undefined;
  #last: Piece | undefined = undefined;
  count = 0;

  push(piece: Piece): void {
    piece.queued = true;
    piece.before = this.#last;
    if (this.#last === undefined) this.#first = piece;
    else this.#last.after = piece;
    this.#last = piece;
    this.count++;
  }

  shift(): Piece | undefined {
    const piece = this.#first;
    if (piece !== undefined) this.remove(piece);
    return piece;
  }

  /** Does nothing to a piece that does not wait here. */
  remove(piece: Piece): void {
    if (!piece.queued) return;
    piece.queued = false;
    if (piece.before === undefined) this.#first = piece.after;
    else piece.before.after = piece.after;
    if (piece.after === undefined) this.#last = piece.before;
    else piece.after.before = piece.before;
    piece.before = undefined;
    piece.after = undefined;
    this.count--;
  }
}
