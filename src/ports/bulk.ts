/**
 * The bytes of chunks between nodes, apart from messages: offered by whoever has them under a ticket, pulled by
 * whoever wants them, block by block, with a checksum for each block.
 *
 * B1. The receiver pulls: no byte moves that it did not ask for, so its memory is bounded by its own window.
 * B2. A pull may start at any block border (resume); blocks arrive in order without gaps.
 * B3. A block's bytes are shared, never copied when both ends are in one process: nobody writes to them.
 * B4. A ticket that is unknown, revoked or of a node that is gone fails the pull with BULK_TICKET_UNKNOWN or
 *     BULK_PEER_GONE; it never waits for ever.
 */
export interface BulkPlane {
  attach(node: string): BulkAttachment;
}

export interface BulkAttachment {
  /** Makes a source available. The ticket stays valid until `revoke` or the end of the attachment. */
  offer(source: BulkSource): BulkTicket;
  revoke(ticket: string): void;
  /** Pulls blocks from `fromBlock` on. Ends when the source ends; throws what broke it. Aborting `signal` stops it. */
  pull(ticket: BulkTicket, fromBlock: number, signal: AbortSignal): AsyncIterable<BulkBlock>;
  close(): void;
}

export interface BulkTicket {
  readonly node: string;
  readonly ticket: string;
}

export interface BulkSource {
  /** Blocks in order from `fromBlock` on. Called once per pull; each call has its own position. */
  blocks(fromBlock: number, signal: AbortSignal): AsyncIterable<BulkBlock>;
}

export interface BulkBlock {
  /** Position in the chunk: 0, 1, 2 … */
  readonly index: number;
  readonly bytes: Uint8Array;
  readonly crc32c: number;
}
