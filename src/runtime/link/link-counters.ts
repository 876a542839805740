/** What a link has done since it was made. Items are envelopes; frames carry many. */
export interface LinkCounters {
  framesSent: number;
  framesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  framesRetransmitted: number;
  acksSent: number;
  hellosSent: number;
  itemsSent: number;
  itemsDelivered: number;
  itemsAcknowledged: number;
  /** Items that came again. */
  duplicatesDiscarded: number;
  /** Frames of an older node epoch or another link epoch. */
  staleFramesRefused: number;
  /** Frames that do not decode, or say what cannot be. */
  malformedFramesDropped: number;
  /** Frames of a newer major version, and frames of an unknown kind. */
  newerFramesSkipped: number;
  /** Frames held because an earlier one was missing. */
  framesHeld: number;
  /** Frames dropped because too many were held, or beyond the credit given. */
  framesDropped: number;
  envelopesSkipped: number;
  offersFull: number;
  offersDown: number;
  epochsBegun: number;
  epochsEnded: number;
}

export function newLinkCounters(): LinkCounters {
  return {
    framesSent: 0,
    framesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    framesRetransmitted: 0,
    acksSent: 0,
    hellosSent: 0,
    itemsSent: 0,
    itemsDelivered: 0,
    itemsAcknowledged: 0,
    duplicatesDiscarded: 0,
    staleFramesRefused: 0,
    malformedFramesDropped: 0,
    newerFramesSkipped: 0,
    framesHeld: 0,
    framesDropped: 0,
    envelopesSkipped: 0,
    offersFull: 0,
    offersDown: 0,
    epochsBegun: 0,
    epochsEnded: 0,
  };
}
