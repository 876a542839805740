import { LoomError } from '../ports/loom-error.ts';
import type { CancelSignal } from './cancel-signal.ts';
import type { SequencedItem } from './definition.ts';

/** The producer's end of a subscription. */
export interface Feed<Item> {
  /** The sequence number that the next item gets; begins at the consumer's `fromSequence`. */
  readonly nextSequence: number;
  /** Items that may be pushed now. */
  readonly credits: number;
  readonly closed: boolean;
  /** Sends an item when the consumer has room for it; otherwise nothing happens and the producer keeps it. */
  push(item: Item): 'sent' | 'no-credit' | 'closed';
  /** Calls `listener` when credits come back or the consumer goes away. It must do no more than tell an actor. */
  onChange(listener: () => void): void;
  complete(): void;
  fail(error: LoomError): void;
}

type FeedEnd =
  | { readonly kind: 'open' }
  | { readonly kind: 'completed' }
  | { readonly kind: 'failed'; readonly error: LoomError };

/**
 * Both ends of a subscription within one node: the producer pushes, the consumer iterates.
 *
 * Items waiting never exceed the credits that the consumer gave; consuming one gives its credit back.
 */
export class LocalFeed<Item> implements Feed<Item>, AsyncIterableIterator<SequencedItem<Item>> {
  nextSequence: number;
  credits: number;
  readonly #waiting: SequencedItem<Item>[] = [];
  #end: FeedEnd = { kind: 'open' };
  #consumerGone = false;
  #changed: (() => void) | undefined = undefined;
  #followed: CancelSignal | undefined = undefined;
  readonly #cancelled = (): void => {
    this.cancel();
  };
  /** Hears of each item that the consumer took: the credit that a producer elsewhere gets back. */
  onTaken: (() => void) | undefined = undefined;
  #next:
    | { resolve(result: IteratorResult<SequencedItem<Item>>): void; reject(error: LoomError): void }
    | undefined;

  constructor(fromSequence: number, credits: number) {
    this.nextSequence = fromSequence;
    this.credits = credits;
  }

  get closed(): boolean {
    return this.#consumerGone || this.#end.kind !== 'open';
  }

  push(item: Item): 'sent' | 'no-credit' | 'closed' {
    if (this.closed) return 'closed';
    if (this.credits <= 0) return 'no-credit';
    const sequenced = { sequence: this.nextSequence++, item };
    const next = this.#next;
    if (next === undefined) {
      this.credits--;
      this.#waiting.push(sequenced);
    } else {
      this.#next = undefined;
      next.resolve({ done: false, value: sequenced });
      this.onTaken?.();
    }
    return 'sent';
  }

  onChange(listener: () => void): void {
    this.#changed = listener;
  }

  complete(): void {
    if (this.closed) return;
    this.#end = { kind: 'completed' };
    this.#unfollow();
    this.#next?.resolve({ done: true, value: undefined });
    this.#next = undefined;
  }

  fail(error: LoomError): void {
    if (this.closed) return;
    this.#end = { kind: 'failed', error };
    this.#unfollow();
    this.#next?.reject(error);
    this.#next = undefined;
  }

  next(): Promise<IteratorResult<SequencedItem<Item>>> {
    const first = this.#waiting.shift();
    if (first !== undefined) {
      this.credits++;
      this.#tellProducer();
      this.onTaken?.();
      return Promise.resolve({ done: false, value: first });
    }
    const end = this.#end;
    if (end.kind === 'failed') return Promise.reject(end.error);
    if (end.kind === 'completed' || this.#consumerGone)
      return Promise.resolve({ done: true, value: undefined });
    if (this.#next !== undefined) {
      return Promise.reject(new LoomError('INTERNAL', 'a subscription has one reader, one item at a time'));
    }
    return new Promise((resolve, reject) => {
      this.#next = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<SequencedItem<Item>>> {
    this.cancel();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** The consumer goes away. */
  cancel(): void {
    if (this.#consumerGone) return;
    this.#consumerGone = true;
    this.#waiting.length = 0;
    this.#next?.resolve({ done: true, value: undefined });
    this.#next = undefined;
    this.#unfollow();
    this.#tellProducer();
  }

  /** Cancels when `signal` is aborted. */
  follow(signal: CancelSignal): void {
    if (signal.aborted) {
      this.cancel();
      return;
    }
    this.#followed = signal;
    signal.addEventListener('abort', this.#cancelled);
  }

  #unfollow(): void {
    this.#followed?.removeEventListener('abort', this.#cancelled);
    this.#followed = undefined;
  }

  /** A producer that ended its side hears nothing more; one whose listener throws has failed. */
  #tellProducer(): void {
    if (this.#end.kind !== 'open') return;
    try {
      this.#changed?.();
    } catch (thrown) {
      this.#end = { kind: 'failed', error: LoomError.from(thrown, 'HANDLER_FAILED') };
      this.#unfollow();
    }
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
