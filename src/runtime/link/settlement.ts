import type { LastReceived } from './frame.ts';
import type { ItemOutcome, OutgoingItem } from './link-host.ts';
import type { SentItem } from './send-window.ts';

/**
 * Items that had left when their link epoch ended. They are told `unknown` at once, and exactly one final word when
 * it is known: from the peer's hello, or at the end of its node epoch.
 *
 * All of them are of one link epoch: the next one begins with a hello, which settles them.
 */
export class Settlement {
  readonly #resolved: (item: OutgoingItem, outcome: ItemOutcome) => void;
  #linkEpoch = 0;
  #items: readonly SentItem[] = [];

  constructor(resolved: (item: OutgoingItem, outcome: ItemOutcome) => void) {
    this.#resolved = resolved;
  }

  get count(): number {
    return this.#items.length;
  }

  /** Takes over what an epoch left behind; nothing of an earlier one is unsettled then. */
  keep(linkEpoch: number, items: readonly SentItem[]): void {
    this.#linkEpoch = linkEpoch;
    this.#items = items;
  }

  /** The first word on items whose end is not known. */
  tellUnknown(items: readonly SentItem[]): void {
    for (const { item } of items) this.#resolved(item, item.kind === 'ask' ? 'unknown-outcome' : 'unknown');
  }

  /** The peer says what it last received: nothing of an epoch after that one has reached it. */
  settle(answer: LastReceived): void {
    // The answer is of an epoch before ours, then nothing of ours came; of ours, then up to its sequence. It cannot
    // be of a later one: whoever has sent in a later epoch has settled this one before.
    if (answer.linkEpoch > this.#linkEpoch) return;
    const last = answer.linkEpoch === this.#linkEpoch ? answer.sequence : 0;
    const items = this.#items;
    this.#items = [];
    for (const { sequence, item } of items) {
      this.#resolved(item, sequence <= last ? 'received' : 'not-received');
    }
  }

  /** The peer's node epoch ended: nobody can say any more. */
  lose(): void {
    const items = this.#items;
    this.#items = [];
    for (const { item } of items) this.#resolved(item, 'lost');
  }
}
