import type { BulkBlock, BulkSource } from '../../ports/bulk.ts';
import { LoomError } from '../../ports/loom-error.ts';

/** What a pull tells of itself. */
export interface PullListener {
  took(bytes: number): void;
  /** Once, however it ended. */
  ended(): void;
}

type PullState =
  | { readonly kind: 'open' }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly error: LoomError };

type Waiting = {
  resolve(result: IteratorResult<BulkBlock>): void;
  reject(error: LoomError): void;
};

/**
 * One pull in progress: iterates the source for its reader.
 *
 * U1. It ends once: by the end or failure of the source, by `fail`, by the reader's signal or its `return`. Whoever
 *     waits for a block then learns of it at once, whatever the source is doing.
 * U2. When it ends before the source did, the signal that the source was given is aborted.
 */
export class MemoryPull implements AsyncIterator<BulkBlock, undefined> {
  readonly #signal: AbortSignal;
  readonly #listener: PullListener;
  readonly #stop: AbortController = new AbortController();
  #source: AsyncIterator<BulkBlock> | undefined;
  #state: PullState = { kind: 'open' };
  #waiting: Waiting | undefined;
  readonly #aborted = (): void => {
    this.fail(LoomError.from(this.#signal.reason, 'CANCELLED'));
  };

  constructor(signal: AbortSignal, listener: PullListener) {
    this.#signal = signal;
    this.#listener = listener;
  }

  start(source: BulkSource, fromBlock: number): void {
    if (this.#signal.aborted) {
      this.#aborted();
      return;
    }
    this.#signal.addEventListener('abort', this.#aborted);
    try {
      this.#source = source.blocks(fromBlock, this.#stop.signal)[Symbol.asyncIterator]();
    } catch (thrown) {
      this.fail(LoomError.from(thrown));
    }
  }

  next(): Promise<IteratorResult<BulkBlock, undefined>> {
    const state = this.#state;
    if (state.kind === 'failed') return Promise.reject(state.error);
    const source = this.#source;
    if (state.kind === 'done' || source === undefined) {
      return Promise.resolve({ done: true, value: undefined });
    }
    if (this.#waiting !== undefined) {
      return Promise.reject(new LoomError('INTERNAL', 'a pull has one reader, one block at a time'));
    }
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      source.next().then(
        (result) => this.#deliver(result),
        (thrown: unknown) => this.fail(LoomError.from(thrown)),
      );
    });
  }

  return(): Promise<IteratorResult<BulkBlock, undefined>> {
    this.#end({ kind: 'done' });
    return Promise.resolve({ done: true, value: undefined });
  }

  fail(error: LoomError): void {
    this.#end({ kind: 'failed', error });
  }

  #deliver(result: IteratorResult<BulkBlock>): void {
    if (this.#state.kind !== 'open') return;
    if (result.done === true) {
      this.#end({ kind: 'done' });
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#listener.took(result.value.bytes.length);
    waiting?.resolve(result);
  }

  #end(state: PullState): void {
    if (this.#state.kind !== 'open') return;
    this.#state = state;
    this.#signal.removeEventListener('abort', this.#aborted);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (state.kind === 'failed') waiting?.reject(state.error);
    else waiting?.resolve({ done: true, value: undefined });
    this.#release();
    this.#listener.ended();
  }

  #release(): void {
    const source = this.#source;
    this.#source = undefined;
    this.#stop.abort(new LoomError('CANCELLED', 'the reader went away'));
    // The pull has its end already; how the source comes to rest is nobody's answer any more.
    source?.return?.().catch(() => undefined);
  }
}
