/**
 * The node's book of messages. Requests, signals and subscriptions are counted; replies belong to their request.
 *
 *   sent + received = handled + failed + refused + dropped + expired + deadLettered + lost + handedOver
 *                     + (messages in mailboxes, stashes, turns) + (unacknowledged on links) + unknown
 *
 * `sent` counts messages posted on this node, `received` those that links brought, `handedOver` those that another
 * node's link acknowledged (its own ledger goes on with them). `docs/messages.md` says who books what on which event.
 */
export class Ledger {
  sent = 0;
  received = 0;
  handled = 0;
  failed = 0;
  refused = 0;
  dropped = 0;
  expired = 0;
  deadLettered = 0;
  lost = 0;
  handedOver = 0;
  /** Messages whose link ended before an acknowledgement; settled when the peer's ledger is joined or closed. */
  unknown = 0;
  /** Replies that came after their caller had an answer: records, not states. */
  lateReplies = 0;

  snapshot(): LedgerSnapshot {
    return {
      sent: this.sent,
      received: this.received,
      handled: this.handled,
      failed: this.failed,
      refused: this.refused,
      dropped: this.dropped,
      expired: this.expired,
      deadLettered: this.deadLettered,
      lost: this.lost,
      handedOver: this.handedOver,
      unknown: this.unknown,
      lateReplies: this.lateReplies,
    };
  }

  /** Entries minus exits: what must be in flight on this node. */
  get open(): number {
    const exits =
      this.handled + this.failed + this.refused + this.dropped + this.expired + this.deadLettered + this.lost;
    return this.sent + this.received - exits - this.handedOver - this.unknown;
  }
}

export interface LedgerSnapshot {
  readonly sent: number;
  readonly received: number;
  readonly handled: number;
  readonly failed: number;
  readonly refused: number;
  readonly dropped: number;
  readonly expired: number;
  readonly deadLettered: number;
  readonly lost: number;
  readonly handedOver: number;
  readonly unknown: number;
  readonly lateReplies: number;
}

/** The final states in which a message leaves a record behind. */
export type FinalState = (typeof finalStates)[number];

const finalStates = ['failed', 'refused', 'dropped', 'expired', 'deadLettered', 'lost'] as const;

export function isFinalState(text: string): text is FinalState {
  return (finalStates as readonly string[]).includes(text);
}
