import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { SendOutcome } from '../../ports/transport.ts';
import type { WireEnvelope } from '../wire/wire-envelope.ts';

/**
 * What a link needs of the node that it belongs to. `deliver`, `resolved`, `changed` and `skipped` are called from
 * `receive`, `flush`, `peerGone`, `peerEpochEnded`, `close` and timers, never from inside `offer`; they may call the
 * link again, and must not throw.
 */
export interface LinkHost {
  readonly localNode: string;
  readonly localEpoch: number;
  readonly peer: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Hands a frame to the transport; its bytes are not written to afterwards, but may be sent again. */
  send(frame: Uint8Array): SendOutcome;
  /** An envelope of the peer, once and in the order of its lane. Bodies are views of the frame. */
  deliver(envelope: WireEnvelope): void;
  /** What became of an accepted item: see `ItemOutcome` for how often. */
  resolved(item: OutgoingItem, outcome: ItemOutcome): void;
  changed(state: LinkState): void;
  /** The peer sent something that this version cannot use; it counts as received. */
  skipped(reason: SkipReason): void;
}

/** Replies and system messages use a lane with room of its own, and go first within a frame. */
export type Lane = 'system' | 'user';

export interface OutgoingItem {
  readonly lane: Lane;
  readonly kind: 'ask' | 'tell' | 'system';
  /** Encoded inside `offer`: a body may lie in memory that is used again right after. */
  readonly envelope: WireEnvelope;
  /** The offerer's own number for the item; the link hands the same object back. */
  readonly tag: number;
}

export type OfferOutcome = 'accepted' | 'full' | 'down';

/**
 * `received`: the peer's link has it. `not-received`: it never will. `lost`: the peer's node epoch ended before an
 * acknowledgement. These three are final, and each accepted item of a living link gets exactly one of them.
 * `unknown-outcome` (asks) and `unknown` (all others) come at most once before: the link epoch ended first. They
 * stay the last word only when the link is closed.
 */
export type ItemOutcome = 'received' | 'not-received' | 'lost' | 'unknown-outcome' | 'unknown';

/**
 * `idle`: no epoch of the peer is known to live, nobody has asked for it. `connecting`: as idle, but items wait for
 * the first answer. `up` to `down` or to another link epoch means: replies on their way may be gone, so asks that
 * were received but not answered end in UNKNOWN_OUTCOME.
 */
export type LinkState =
  | { readonly kind: 'idle' }
  | { readonly kind: 'connecting'; readonly sinceMs: number }
  | { readonly kind: 'up'; readonly peerEpoch: number; readonly linkEpoch: number; readonly sinceMs: number }
  | { readonly kind: 'down'; readonly reason: DownReason; readonly sinceMs: number }
  | { readonly kind: 'closed' };

export type DownReason =
  | 'no-acknowledgement'
  | 'no-answer'
  | 'no-route'
  | 'peer-gone'
  | 'peer-reset'
  | 'peer-closed';

export type SkipReason =
  | { readonly kind: 'unknown-kind'; readonly kindNumber: number }
  | { readonly kind: 'malformed'; readonly detail: string }
  | { readonly kind: 'wire-version'; readonly major: number };
