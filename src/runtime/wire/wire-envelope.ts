/**
 * What one node says to another, before it is bytes: a union tagged by `kind`. Bodies are bytes already (see
 * `value.ts`): the envelope can be routed, refused and accounted for without touching them.
 */
export type WireEnvelope =
  | AskEnvelope
  | TellEnvelope
  | ReplyEnvelope
  | RefusalEnvelope
  | CancelEnvelope
  | SubscribeEnvelope
  | CreditEnvelope
  | ItemEnvelope
  | EndEnvelope
  | WatchEnvelope
  | UnwatchEnvelope
  | TerminatedEnvelope
  | PingEnvelope
  | PongEnvelope;

/** Whom a message is for: a cell by number, an actor by its path, or a virtual actor by kind and key. */
export type WireTarget =
  | { readonly kind: 'actor'; readonly uid: number }
  | { readonly kind: 'named'; readonly path: string }
  | {
      readonly kind: 'virtual';
      readonly type: string;
      readonly key: string;
      /** The fencing token of the owner that the sender believes in; 0 when it knows none. */
      readonly token: number;
    };

export interface WireTrace {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  readonly sampled: boolean;
}

export interface WireFailure {
  readonly ok: false;
  /** A code of the error table, or one that only a newer peer knows. */
  readonly code: string;
  readonly detail: string;
}

export type WireOutcome = { readonly ok: true; readonly body: Uint8Array } | WireFailure;

export type WireCompletion = { readonly ok: true } | WireFailure;

export interface AskEnvelope {
  readonly kind: 'ask';
  readonly target: WireTarget;
  /** Names the call at the asker, up to 2^53 - 1. */
  readonly correlation: number;
  /** What is left of the caller's time: 0 < ms <= 2^31, rounded up to whole milliseconds on the wire. */
  readonly remainingMs: number;
  readonly trace?: WireTrace;
  /** Addresses of the actors that wait for this call, outermost first; at most 16. */
  readonly chain: readonly string[];
  readonly protocol: string;
  readonly message: string;
  readonly body: Uint8Array;
}

export interface TellEnvelope {
  readonly kind: 'tell';
  readonly target: WireTarget;
  /** Names the message at its sender, so that a refusal can name it too. */
  readonly tellId: number;
  /** As in an ask; absent when the message never expires. */
  readonly remainingMs?: number;
  readonly trace?: WireTrace;
  readonly protocol: string;
  readonly message: string;
  readonly body: Uint8Array;
}

interface ReplyEnvelope {
  readonly kind: 'reply';
  readonly correlation: number;
  readonly outcome: WireOutcome;
}

/** The receiver's node took the message off the link but the actor did not: word of the tell comes back. */
export interface RefusalEnvelope {
  readonly kind: 'refusal';
  readonly tellId: number;
  readonly trace?: WireTrace;
  /** The final state that the receiver's ledger booked, and why. */
  readonly state: string;
  readonly code: string;
  readonly address: string;
  readonly protocol: string;
  readonly message: string;
}

/** The asker (or subscriber) wants no more: stops an ask in flight or a subscription. */
interface CancelEnvelope {
  readonly kind: 'cancel';
  readonly correlation: number;
}

export interface SubscribeEnvelope {
  readonly kind: 'subscribe';
  readonly target: WireTarget;
  readonly correlation: number;
  /** Items that the subscriber takes before it grants more. */
  readonly credits: number;
  /** The first sequence that is wanted; 0 is the beginning. */
  readonly fromSequence: number;
  readonly trace?: WireTrace;
  readonly protocol: string;
  readonly message: string;
  readonly body: Uint8Array;
}

export interface CreditEnvelope {
  readonly kind: 'credit';
  readonly correlation: number;
  /** Items granted on top of what was granted before. */
  readonly credits: number;
}

export interface ItemEnvelope {
  readonly kind: 'item';
  readonly correlation: number;
  readonly sequence: number;
  readonly body: Uint8Array;
}

export interface EndEnvelope {
  readonly kind: 'end';
  readonly correlation: number;
  readonly outcome: WireCompletion;
}

export interface WatchEnvelope {
  readonly kind: 'watch';
  readonly target: WireTarget;
  readonly watchId: number;
}

interface UnwatchEnvelope {
  readonly kind: 'unwatch';
  readonly target: WireTarget;
  readonly watchId: number;
}

interface TerminatedEnvelope {
  readonly kind: 'terminated';
  readonly watchId: number;
  /** The incarnation that ended; 0 when the target never lived here. */
  readonly incarnation: number;
  readonly reason: string;
}

/** Measures the round trip: the peer answers at once with a pong of the same nonce. */
interface PingEnvelope {
  readonly kind: 'ping';
  readonly nonce: number;
}

interface PongEnvelope {
  readonly kind: 'pong';
  readonly nonce: number;
}

/** What a decoder makes of bytes: an envelope, or the number of a kind that only a newer peer knows. */
export type DecodedEnvelope = WireEnvelope | { readonly kind: 'unknown'; readonly kindNumber: number };

export const maxChainLength: number = 16;
export const maxRemainingMs: number = 2 ** 31;
