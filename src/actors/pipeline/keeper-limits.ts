import type { OfferLimits } from './chunk-offers.ts';
import type { StagingLimits } from './chunk-staging.ts';

/** What bounds a storage keeper's memory, disk and work. */
export interface KeeperLimits extends OfferLimits, StagingLimits {
  /** Chunks and objects that are fetched at once; more are refused with KEEPER_BUSY. */
  readonly transfers: number;
  /** Bytes of objects in memory while they are fetched. */
  readonly objectBytes: number;
  /** Chunks that are read again at once, and how many may wait for that. */
  readonly verifies: number;
  readonly verifiesWaiting: number;
  /** Milliseconds between looks for transfers whose caller has given up. */
  readonly sweepMs: number;
}

export const keeperLimits: KeeperLimits = Object.freeze({
  transfers: 16,
  objectBytes: 64 * 1024 * 1024,
  staged: 64,
  stagedMs: 60_000,
  offers: 256,
  offerMs: 60_000,
  lingerMs: 1000,
  verifies: 4,
  verifiesWaiting: 256,
  sweepMs: 250,
});
