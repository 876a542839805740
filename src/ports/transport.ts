/**
 * Frames between nodes. The seam is small on purpose: links (order, acknowledgement, credits, duplicates) are the
 * engine's work and stand on top of it, so that a transport only moves bytes.
 *
 * T1. Best effort: a frame may be lost, delayed, duplicated or reordered; it is never altered or cut.
 * T2. `send` never blocks and never throws for an unreachable peer: it answers 'no-route' at once when it knows.
 * T3. A frame's bytes belong to the transport after `send`, and to the receiver in `receive`; neither writes to them.
 * T4. After `close` nothing is received and nothing is sent.
 */
export interface Transport {
  /** Attaches a node. `receive` is called once a frame, never re-entrantly from inside `send`. */
  attach(node: string, listener: TransportListener): TransportAttachment;
}

export interface TransportListener {
  receive(from: string, frame: Uint8Array): void;
  /** The transport learned that a peer can no longer be reached on this connection (socket closed, no responders). */
  peerGone?(peer: string): void;
}

export interface TransportAttachment {
  send(to: string, frame: Uint8Array): SendOutcome;
  close(): void;
}

export type SendOutcome = 'sent' | 'no-route';

/** Larger frames are refused at the sender with FRAME_TOO_LARGE. */
export const maxFrameBytes: number = 512 * 1024;
