import type { LoomError } from '../ports/loom-error.ts';
import type { Feed } from './feed.ts';
import { wireFailure } from './outbox.ts';
import { encodeToBytes } from './wire/value.ts';
import type { EndEnvelope, ItemEnvelope } from './wire/wire-envelope.ts';

/**
 * The producer's end of a subscription whose consumer is on another node.
 *
 * IF1. Items go on the user lane, within the consumer's credits and the link's; without room `push` says so, and the
 *      producer hears when there is room again.
 * IF2. The end goes behind the items, and waits for room if it must.
 */
export class InboundFeed implements Feed<unknown> {
  nextSequence: number;
  readonly correlation: number;
  readonly #parts: InboundFeedParts;
  #credits: number;
  #closed = false;
  #changed: (() => void) | undefined = undefined;

  constructor(correlation: number, fromSequence: number, credits: number, parts: InboundFeedParts) {
    this.correlation = correlation;
    this.nextSequence = fromSequence;
    this.#credits = credits;
    this.#parts = parts;
  }

  get credits(): number {
    return this.#credits;
  }

  get closed(): boolean {
    return this.#closed;
  }

  push(item: unknown): 'sent' | 'no-credit' | 'closed' {
    if (this.#closed) return 'closed';
    if (this.#credits <= 0) return 'no-credit';
    const body = encodeToBytes(item);
    const { correlation, nextSequence: sequence } = this;
    if (!this.#parts.item(this, { kind: 'item', correlation, sequence, body })) return 'no-credit';
    this.nextSequence++;
    this.#credits--;
    return 'sent';
  }

  onChange(listener: () => void): void {
    this.#changed = listener;
  }

  /** The consumer took items. */
  grant(credits: number): void {
    this.#credits += credits;
    this.roomAgain();
  }

  /** The link has room again. */
  roomAgain(): void {
    if (!this.#closed) this.#changed?.();
  }

  complete(): void {
    this.#finish({ kind: 'end', correlation: this.correlation, outcome: { ok: true } });
  }

  fail(error: LoomError): void {
    this.#finish({ kind: 'end', correlation: this.correlation, outcome: wireFailure(error) });
  }

  /** The consumer went away, or its link did. */
  cancel(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#changed?.();
  }

  #finish(end: EndEnvelope): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#parts.end(this, end);
  }
}

export interface InboundFeedParts {
  /** False when the link has no room; the feed then hears `roomAgain`. */
  item(feed: InboundFeed, item: ItemEnvelope): boolean;
  end(feed: InboundFeed, end: EndEnvelope): void;
}
