import type { BulkBlock, BulkSource } from '../../ports/bulk.ts';
import { LoomError } from '../../ports/loom-error.ts';

export interface BroadcastOptions {
  /** How many will pull; a push waits for them all from the first block on. */
  readonly pullers: number;
  /** Blocks held at once; default 4. */
  readonly window?: number;
  /** A puller that leaves before the end is no longer waited for; otherwise it fails the broadcast. */
  readonly dropPuller?: boolean;
}

/**
 * One producer's blocks to a known number of pullers, each block once to each, in order.
 *
 * N1. At most `window` blocks are held: a push waits until the slowest puller, also one that has not come yet, has
 *     taken the oldest of them. So whoever of the expected pullers comes, finds block 0.
 * N2. It ends once: by `finish`, after which each puller gets what is left and then its end, or by a failure (`fail`,
 *     an aborted push, a puller that left), which everybody who waits learns of at once and which frees all blocks.
 * N3. Nothing here waits on its own account: a push ends with its signal, a pull with its own.
 */
export class BlockBroadcast implements BulkSource {
  readonly #window: number;
  readonly #dropPuller: boolean;
  #expected: number;
  #joined = 0;
  readonly #pullers: Set<Puller> = new Set();
  #held: BulkBlock[] = [];
  /** Index of the oldest block that is held; `#base + #held.length` comes next. */
  #base = 0;
  #state: BroadcastState = { kind: 'open' };
  #push: Waiting | undefined;

  constructor(options: BroadcastOptions) {
    this.#expected = options.pullers;
    this.#window = Math.max(1, options.window ?? 4);
    this.#dropPuller = options.dropPuller ?? false;
  }

  /** Blocks that are held now. */
  get heldCount(): number {
    return this.#held.length;
  }

  /** Resolves once the block is in the window; one push at a time. Aborting `signal` fails the broadcast. */
  async push(block: BulkBlock, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) this.fail(cancelled(signal));
    while (this.#isOpen && this.#held.length >= this.#window) await this.#room(signal);
    this.#checkOpen();
    if (block.index !== this.#base + this.#held.length) {
      throw new LoomError(
        'INTERNAL',
        `block ${block.index} was pushed after ${this.#held.length + this.#base} others`,
      );
    }
    if (this.#expected === 0) {
      this.#base++;
      return;
    }
    this.#held.push(block);
    this.#wakePullers();
  }

  /** No block follows. */
  finish(): void {
    if (!this.#isOpen) return;
    this.#state = { kind: 'finished' };
    this.#wakePullers();
  }

  /** Ends the broadcast with an error; what it has ended with before counts. */
  fail(error: LoomError): void {
    if (this.#state.kind === 'failed') return;
    this.#state = { kind: 'failed', error };
    this.#held = [];
    this.#push?.wake();
    this.#wakePullers();
  }

  async *blocks(fromBlock: number, signal: AbortSignal): AsyncGenerator<BulkBlock, undefined> {
    const puller = this.#join(fromBlock);
    try {
      for (;;) {
        const block = await this.#next(puller, signal);
        if (block === undefined) return undefined;
        yield block;
      }
    } finally {
      this.#leave(puller);
    }
  }

  #join(fromBlock: number): Puller {
    const state = this.#state;
    if (state.kind === 'failed') throw state.error;
    if (this.#joined >= this.#expected) {
      throw new LoomError('BULK_TICKET_UNKNOWN', `all ${this.#expected} pullers have come already`);
    }
    if (fromBlock < this.#base) {
      throw new LoomError('BULK_TICKET_UNKNOWN', `blocks before ${this.#base} are no longer held`);
    }
    const puller = { position: fromBlock, wake: nobody };
    this.#joined++;
    this.#pullers.add(puller);
    this.#release();
    return puller;
  }

  async #next(puller: Puller, signal: AbortSignal): Promise<BulkBlock | undefined> {
    for (;;) {
      if (signal.aborted) throw cancelled(signal);
      const state = this.#state;
      if (state.kind === 'failed') throw state.error;
      const block = this.#held[puller.position - this.#base];
      if (block !== undefined) {
        puller.position++;
        this.#release();
        return block;
      }
      if (state.kind === 'finished') return undefined;
      await waitFor(signal, (wake) => {
        puller.wake = wake;
      });
    }
  }

  #leave(puller: Puller): void {
    this.#pullers.delete(puller);
    const state = this.#state;
    if (state.kind === 'failed') return;
    const complete = state.kind === 'finished' && puller.position >= this.#base + this.#held.length;
    if (complete) return;
    if (!this.#dropPuller) {
      this.fail(new LoomError('BULK_PEER_GONE', `a puller left after block ${puller.position - 1}`));
      return;
    }
    this.#expected--;
    this.#joined--;
    if (this.#expected === 0) this.fail(new LoomError('BULK_PEER_GONE', 'no puller is left'));
    else this.#release();
  }

  /** Lets go of the blocks that every expected puller has taken. */
  #release(): void {
    if (this.#joined < this.#expected) return;
    let slowest = this.#base + this.#held.length;
    for (const { position } of this.#pullers) slowest = Math.min(slowest, position);
    const taken = slowest - this.#base;
    if (taken <= 0) return;
    this.#held.splice(0, taken);
    this.#base += taken;
    this.#push?.wake();
  }

  async #room(signal: AbortSignal | undefined): Promise<void> {
    if (this.#push !== undefined)
      throw new LoomError('INTERNAL', 'a broadcast has one producer, one push at a time');
    await waitFor(signal, (wake) => {
      this.#push = { wake };
    });
    this.#push = undefined;
    if (signal?.aborted === true) this.fail(cancelled(signal));
  }

  #wakePullers(): void {
    for (const puller of this.#pullers) puller.wake();
  }

  get #isOpen(): boolean {
    return this.#state.kind === 'open';
  }

  #checkOpen(): void {
    const state = this.#state;
    if (state.kind === 'failed') throw state.error;
    if (state.kind === 'finished') throw new LoomError('INTERNAL', 'a block was pushed after the last one');
  }
}

type BroadcastState =
  | { readonly kind: 'open' }
  | { readonly kind: 'finished' }
  | { readonly kind: 'failed'; readonly error: LoomError };

interface Waiting {
  wake(): void;
}

interface Puller {
  /** Index of the block that it takes next. */
  position: number;
  wake: () => void;
}

function nobody(): void {}

/** Resolves when `wake`, which `arm` is given, is called or the signal is aborted. */
function waitFor(signal: AbortSignal | undefined, arm: (wake: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    signal?.addEventListener('abort', wake);
    arm(wake);
  });
}

function cancelled(signal: AbortSignal): LoomError {
  return LoomError.from(signal.reason, 'CANCELLED');
}
