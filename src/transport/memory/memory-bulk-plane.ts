import type { BulkAttachment, BulkBlock, BulkPlane, BulkSource, BulkTicket } from '../../ports/bulk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { MemoryPull } from './memory-pull.ts';

/** The bulk plane among the logical nodes of one process: a pull iterates the source itself, blocks go by reference. */
export class MemoryBulkPlane implements BulkPlane {
  readonly #attached: Map<string, MemoryAttachment> = new Map();
  readonly #bytes: Map<string, Map<string, number>> = new Map();
  #tickets = 0;

  /** INVALID_DEFINITION when the name is attached already. */
  attach(node: string): BulkAttachment {
    if (this.#attached.has(node)) {
      throw new LoomError('INVALID_DEFINITION', `a node ${node} is attached already`, { details: { node } });
    }
    const attachment = new MemoryAttachment(node, {
      // A ticket is never given twice, so that none of an earlier attachment of the node means anything.
      newTicket: () => `m${++this.#tickets}`,
      find: (name) => this.#attached.get(name),
      took: (from, bytes) => this.#count(from, node, bytes),
      closed: () => this.#attached.delete(node),
    });
    this.#attached.set(node, attachment);
    return attachment;
  }

  /** Bytes of the blocks that `to` has pulled from `from`. */
  bytesBetween(from: string, to: string): number {
    return this.#bytes.get(from)?.get(to) ?? 0;
  }

  #count(from: string, to: string, bytes: number): void {
    const sent = this.#bytes.get(from) ?? new Map<string, number>();
    this.#bytes.set(from, sent.set(to, (sent.get(to) ?? 0) + bytes));
  }
}

/** What an attachment needs of its plane. */
interface PlaneOfAttachment {
  newTicket(): string;
  find(node: string): MemoryAttachment | undefined;
  took(from: string, bytes: number): void;
  closed(): void;
}

interface Offer {
  readonly source: BulkSource;
  readonly pulls: Set<MemoryPull>;
}

class MemoryAttachment implements BulkAttachment {
  readonly #node: string;
  readonly #plane: PlaneOfAttachment;
  readonly #offers: Map<string, Offer> = new Map();
  readonly #ownPulls: Set<MemoryPull> = new Set();
  #closed = false;

  constructor(node: string, plane: PlaneOfAttachment) {
    this.#node = node;
    this.#plane = plane;
  }

  offer(source: BulkSource): BulkTicket {
    if (this.#closed) throw this.#gone(this.#node);
    const ticket = this.#plane.newTicket();
    this.#offers.set(ticket, { source, pulls: new Set() });
    return { node: this.#node, ticket };
  }

  revoke(ticket: string): void {
    const offer = this.#offers.get(ticket);
    this.#offers.delete(ticket);
    for (const pull of offer?.pulls ?? []) pull.fail(this.#unknown({ node: this.#node, ticket }));
  }

  pull(ticket: BulkTicket, fromBlock: number, signal: AbortSignal): AsyncIterable<BulkBlock> {
    return { [Symbol.asyncIterator]: () => this.#begin(ticket, fromBlock, signal) };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#plane.closed();
    const offered = [...this.#offers.values()].flatMap(({ pulls }) => [...pulls]);
    this.#offers.clear();
    for (const pull of [...this.#ownPulls, ...offered]) pull.fail(this.#gone(this.#node));
  }

  #begin(ticket: BulkTicket, fromBlock: number, signal: AbortSignal): MemoryPull {
    const peer = this.#plane.find(ticket.node);
    const offer = peer?.find(ticket.ticket);
    const pull = new MemoryPull(signal, {
      took: (bytes) => this.#plane.took(ticket.node, bytes),
      ended: () => {
        this.#ownPulls.delete(pull);
        offer?.pulls.delete(pull);
      },
    });
    if (this.#closed) pull.fail(this.#gone(this.#node));
    else if (peer === undefined) pull.fail(this.#gone(ticket.node));
    else if (offer === undefined) pull.fail(this.#unknown(ticket));
    else {
      this.#ownPulls.add(pull);
      offer.pulls.add(pull);
      pull.start(offer.source, fromBlock);
    }
    return pull;
  }

  find(ticket: string): Offer | undefined {
    return this.#offers.get(ticket);
  }

  #gone(node: string): LoomError {
    return new LoomError('BULK_PEER_GONE', `node ${node} is not attached`, { details: { node } });
  }

  #unknown({ node, ticket }: BulkTicket): LoomError {
    return new LoomError('BULK_TICKET_UNKNOWN', `node ${node} offers nothing under ${ticket}`, {
      details: { node, ticket },
    });
  }
}
