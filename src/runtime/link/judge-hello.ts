import type { Frame } from './frame.ts';

/** What a link knows when a hello or its answer of the peer's present node epoch arrives. */
export interface Epochs {
  readonly local: number;
  /** The last link epoch that was begun between the two node epochs; 0 before the first. */
  readonly begun: number;
  /** The link epoch that this side has proposed and that has not begun; 0 for none. */
  readonly proposed: number;
  readonly up: boolean;
  /** Items of the last link epoch wait for the peer's word on what it received. */
  readonly unsettled: boolean;
}

/**
 * `begin`: the frame begins its link epoch. `answer`: say again what was answered. `hello`: the peer must hear of a
 * higher epoch, or of this node's newer life. `outbid`: as hello, with an epoch above the frame's. `refuse`: old, or
 * impossible.
 */
export type Verdict = 'begin' | 'answer' | 'hello' | 'outbid' | 'refuse';

export function judgeHello(frame: Frame, epochs: Epochs): Verdict {
  const knowsUs = frame.receiverEpoch === epochs.local;
  // It believes in an earlier life of this node. While no link is up, that may still be so: it must hear of this one.
  if (frame.receiverEpoch !== 0 && !knowsUs) return epochs.up ? 'refuse' : 'hello';
  // At the epoch that is up, our answer was lost. Below it, the frame is old, or its sender must catch up: an answer
  // for the present epoch is right in each case.
  if (frame.linkEpoch <= epochs.begun) return epochs.up ? 'answer' : 'hello';
  if (frame.linkEpoch < epochs.proposed) return 'hello';
  if (!knowsUs) {
    // It cannot say what it received of an epoch that it does not know.
    if (epochs.up) return 'refuse';
    return epochs.unsettled ? 'outbid' : 'begin';
  }
  return couldHaveReceived(frame, epochs) ? 'begin' : 'refuse';
}

export function judgeAnswer(frame: Frame, epochs: Epochs): Verdict {
  if (frame.receiverEpoch !== epochs.local) return 'refuse';
  if (epochs.proposed === 0 || frame.linkEpoch < epochs.proposed) return 'refuse';
  if (frame.linkEpoch > epochs.proposed) return 'outbid';
  return couldHaveReceived(frame, epochs) ? 'begin' : 'refuse';
}

/** Nobody receives in a link epoch that its sender has not begun. */
function couldHaveReceived(frame: Frame, epochs: Epochs): boolean {
  return frame.answer.linkEpoch <= epochs.begun;
}
