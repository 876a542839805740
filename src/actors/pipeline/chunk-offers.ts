import type { BulkAttachment, BulkBlock, BulkSource, BulkTicket } from '../../ports/bulk.ts';
import type { TimerHandle } from '../../ports/clock.ts';
import { LoomError } from '../../ports/loom-error.ts';

/** Runs `run` after a delay, unless the keeper has ended by then. */
export type After = (delayMs: number, run: () => void) => TimerHandle;

export interface OfferLimits {
  /** Offers at once. */
  readonly offers: number;
  /** Milliseconds after which an offer that nobody pulls ends. */
  readonly offerMs: number;
  /** Milliseconds that an offer outlives its pull: for its reader to see the end, or to begin again. */
  readonly lingerMs: number;
}

interface Offer {
  timer: TimerHandle;
  pulls: number;
}

/** What a keeper offers on the bulk plane: each offer ends by itself. */
export class ChunkOffers {
  readonly #bulk: BulkAttachment;
  readonly #after: After;
  readonly #limits: OfferLimits;
  readonly #offers: Map<string, Offer> = new Map();

  constructor(bulk: BulkAttachment, after: After, limits: OfferLimits) {
    this.#bulk = bulk;
    this.#after = after;
    this.#limits = limits;
  }

  get count(): number {
    return this.#offers.size;
  }

  /** KEEPER_BUSY when there are as many offers as may be. */
  offer(blocks: BulkSource['blocks']): BulkTicket {
    if (this.#offers.size >= this.#limits.offers) {
      throw new LoomError('KEEPER_BUSY', `${this.#offers.size} offers wait for their pull`);
    }
    const ticket = this.#bulk.offer({
      blocks: (fromBlock, signal) => this.#counted(ticket.ticket, blocks(fromBlock, signal)),
    });
    this.#offers.set(ticket.ticket, { timer: this.#expire(ticket.ticket, this.#limits.offerMs), pulls: 0 });
    return ticket;
  }

  /** Revokes all; also those that are being pulled. */
  close(): void {
    for (const [ticket, { timer }] of this.#offers) {
      timer.cancel();
      this.#bulk.revoke(ticket);
    }
    this.#offers.clear();
  }

  async *#counted(ticket: string, blocks: AsyncIterable<BulkBlock>): AsyncGenerator<BulkBlock, undefined> {
    const offer = this.#offers.get(ticket);
    if (offer === undefined) throw new LoomError('BULK_TICKET_UNKNOWN', 'the offer has ended');
    offer.timer.cancel();
    offer.pulls++;
    try {
      yield* blocks;
      return undefined;
    } finally {
      offer.pulls--;
      // The offer may have been closed meanwhile; then no timer may be set any more.
      if (offer.pulls === 0 && this.#offers.get(ticket) === offer) {
        offer.timer = this.#expire(ticket, this.#limits.lingerMs);
      }
    }
  }

  #expire(ticket: string, delayMs: number): TimerHandle {
    return this.#after(delayMs, () => {
      this.#offers.delete(ticket);
      this.#bulk.revoke(ticket);
    });
  }
}
