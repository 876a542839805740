import type { BulkAttachment, BulkBlock, BulkPlane, BulkSource, BulkTicket } from '../ports/bulk.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { SeededRandom } from '../runtime/simulation/seeded-random.ts';
import type { ProcessClock, VirtualTime } from '../runtime/simulation/virtual-time.ts';
import { type Arrive, BulkStream, peerGone, type Side, type StreamEnd } from './bulk-stream.ts';

/** The roads that streams of blocks take. */
export interface BulkRoads {
  isCut(from: string, to: string): boolean;
  delayMs(from: string, to: string): number;
}

/** How blocks fare while a fault lasts: chances for each block. */
export interface BulkTrouble {
  /** A bit of the block changes on its way. */
  flip: number;
  /** The connection is reset instead of bringing the block. */
  reset: number;
}

/**
 * The bulk plane on virtual time, for all nodes of a simulated cluster.
 *
 * U1. What a process gets comes as events of that process: a frozen one takes it at its thaw, a killed one never.
 * U2. A block takes the road's delay and its bytes' time; nothing passes a cut, and what was under way waits for the
 *     road as a TCP stream does, until the puller gives the peer up.
 * U3. Every pull ends: a peer that is silent for `silenceMs` is gone.
 */
export class SimulatedBulk {
  readonly trouble: BulkTrouble = { flip: 0, reset: 0 };
  readonly faults: Record<string, number> = { 'bulk-flip': 0, 'bulk-reset': 0, 'bulk-stall': 0 };
  readonly #time: VirtualTime;
  readonly #random: SeededRandom;
  readonly #roads: BulkRoads;
  readonly #attached: Map<string, SimulatedAttachment> = new Map();
  readonly #bytes: Map<string, number> = new Map();
  #tickets = 0;

  constructor(time: VirtualTime, random: SeededRandom, roads: BulkRoads) {
    this.#time = time;
    this.#random = random;
    this.#roads = roads;
  }

  /** The plane as one process sees it. */
  plane(process: ProcessClock): BulkPlane {
    return { attach: (node) => this.#attach(node, process) };
  }

  /** Bytes of the blocks that `to` has pulled from `from`. */
  bytesBetween(from: string, to: string): number {
    return this.#bytes.get(`${from}>${to}`) ?? 0;
  }

  #attach(node: string, process: ProcessClock): BulkAttachment {
    const before = this.#attached.get(node);
    if (before !== undefined && !before.gone) {
      throw new LoomError('INVALID_DEFINITION', `a node ${node} is attached already`, { details: { node } });
    }
    const attachment: SimulatedAttachment = new SimulatedAttachment(node, process, {
      newTicket: () => `s${++this.#tickets}`,
      find: (name) => this.#attached.get(name),
      closed: () => {
        if (this.#attached.get(node) === attachment) this.#attached.delete(node);
      },
      carry: (stream, from, to, block, arrive) => this.#carry(stream, from, to, block, arrive),
    });
    this.#attached.set(node, attachment);
    return attachment;
  }

  /** Brings something of a stream to its other end, or tries again as long as the road is cut. */
  #carry(stream: BulkStream, from: Side, to: Side, block: BulkBlock | undefined, arrive: Arrive): void {
    const bytes = block?.bytes.length ?? controlBytes;
    const leastMs = this.#time.nowMs + this.#roads.delayMs(from.node, to.node) * (1 + this.#random.float());
    const atMs = stream.behind(from.node, leastMs, bytes / bytesPerMs);
    let what = block;
    if (block !== undefined) {
      if (this.trouble.reset > 0 && this.#random.chance(this.trouble.reset)) {
        this.#count('bulk-reset');
        stream.end({ kind: 'failed', error: peerGone(from.node, 'the connection was reset') });
        return;
      }
      if (this.trouble.flip > 0 && bytes > 0 && this.#random.chance(this.trouble.flip)) {
        this.#count('bulk-flip');
        what = flipped(block, this.#random.below(bytes * 8));
      }
    }
    const attempt = (): void => {
      if (stream.over) return;
      if (to.process.killed) {
        if (block !== undefined) stream.readerKilled();
        return;
      }
      if (this.#roads.isCut(from.node, to.node)) {
        this.#count('bulk-stall');
        this.#time.at(this.#time.nowMs + retransmitMs, attempt);
        return;
      }
      to.process.enter(() => {
        if (stream.over) return;
        if (what !== undefined) this.#took(from.node, to.node, bytes);
        arrive(what);
      });
    };
    this.#time.at(atMs, attempt);
  }

  #took(from: string, to: string, bytes: number): void {
    const key = `${from}>${to}`;
    this.#bytes.set(key, (this.#bytes.get(key) ?? 0) + bytes);
  }

  #count(fault: string): void {
    this.faults[fault] = (this.faults[fault] ?? 0) + 1;
  }
}

/** What an attachment needs of the plane. */
interface PlaneOfAttachment {
  newTicket(): string;
  find(node: string): SimulatedAttachment | undefined;
  closed(): void;
  carry(stream: BulkStream, from: Side, to: Side, block: BulkBlock | undefined, arrive: Arrive): void;
}

const controlBytes = 64;
const bytesPerMs = 50_000;
const retransmitMs = 200;

class SimulatedAttachment implements BulkAttachment, Side {
  readonly node: string;
  readonly process: ProcessClock;
  readonly #plane: PlaneOfAttachment;
  readonly #offers: Map<string, { readonly source: BulkSource; readonly streams: Set<BulkStream> }> =
    new Map();
  readonly #streams: Set<BulkStream> = new Set();
  #closed = false;

  constructor(node: string, process: ProcessClock, plane: PlaneOfAttachment) {
    this.node = node;
    this.process = process;
    this.#plane = plane;
  }

  /** Nothing of it answers any more. */
  get gone(): boolean {
    return this.#closed || this.process.killed;
  }

  offer(source: BulkSource): BulkTicket {
    if (this.#closed) throw peerGone(this.node, 'it is closed');
    const ticket = this.#plane.newTicket();
    this.#offers.set(ticket, { source, streams: new Set() });
    return { node: this.node, ticket };
  }

  revoke(ticket: string): void {
    const offer = this.#offers.get(ticket);
    this.#offers.delete(ticket);
    for (const stream of offer?.streams ?? []) stream.refuse(ticketUnknown(this.node, ticket));
  }

  pull(ticket: BulkTicket, fromBlock: number, signal: AbortSignal): AsyncIterable<BulkBlock> {
    return { [Symbol.asyncIterator]: () => this.#begin(ticket, fromBlock, signal) };
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#plane.closed();
    this.#offers.clear();
    for (const stream of [...this.#streams]) stream.attachmentClosed(this);
  }

  #begin(ticket: BulkTicket, fromBlock: number, signal: AbortSignal): BulkStream {
    const peer = this.#plane.find(ticket.node);
    const stream: BulkStream = new BulkStream(this, peer ?? this, signal, {
      carry: (from, to, block, arrive) => this.#plane.carry(stream, from, to, block, arrive),
      source: () => (peer?.gone === true ? undefined : peer?.sourceFor(ticket.ticket, stream)),
      peerLives: () => peer?.gone === false && this.#plane.find(ticket.node) === peer,
      ended: () => {
        this.#streams.delete(stream);
        peer?.forget(ticket.ticket, stream);
      },
    });
    this.#streams.add(stream);
    if (this.#closed) stream.end(failedBy(peerGone(this.node, 'it is closed')));
    else if (peer === undefined) stream.end(failedBy(peerGone(ticket.node, 'it is not attached')));
    else stream.open(fromBlock, ticketUnknown(ticket.node, ticket.ticket));
    return stream;
  }

  sourceFor(ticket: string, stream: BulkStream): BulkSource | undefined {
    const offer = this.#offers.get(ticket);
    if (offer === undefined) return undefined;
    offer.streams.add(stream);
    this.#streams.add(stream);
    return offer.source;
  }

  forget(ticket: string, stream: BulkStream): void {
    this.#offers.get(ticket)?.streams.delete(stream);
    this.#streams.delete(stream);
  }
}

function failedBy(error: LoomError): StreamEnd {
  return { kind: 'failed', error };
}

function ticketUnknown(node: string, ticket: string): LoomError {
  return new LoomError('BULK_TICKET_UNKNOWN', `node ${node} offers nothing under ${ticket}`, {
    details: { node, ticket },
  });
}

function flipped(block: BulkBlock, bit: number): BulkBlock {
  const bytes = block.bytes.slice();
  bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
  return { ...block, bytes };
}
