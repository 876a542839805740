import type { ReplicaCandidate } from './replica-candidate.ts';

/** A candidate with what the choice hangs on. */
export interface RatedCandidate {
  readonly candidate: ReplicaCandidate;
  /** What its link costs; 0 for all where links do not count. */
  readonly link: number;
  /** How much it bears for its weight. */
  readonly level: number;
  /** Its place in the order that rendezvous hashing proposes for the chunk. */
  readonly rank: number;
  readonly isWorker: boolean;
}

/**
 * Who gets the next copy of a chunk, of those that are left and may have one. At least one must be:
 * 1. the best link;
 * 2. who is furthest behind its share, which keeps everyone within one of it;
 * 3. in the cloud with the most nodes that are as far behind: otherwise those of one cloud alone would be left over,
 *    and the rule of clouds would give a chunk to somebody who is ahead;
 * 4. the worker, which need not move the bytes;
 * 5. the proposal of rendezvous hashing.
 */
export function preferred(left: readonly RatedCandidate[]): RatedCandidate {
  const behind = least(
    least(left, ({ link }) => link),
    ({ level }) => level,
  );
  const peers = new Map<string, number>();
  for (const { candidate } of behind) peers.set(candidate.cloud, (peers.get(candidate.cloud) ?? 0) + 1);
  const mostPeers = least(behind, ({ candidate }) => -(peers.get(candidate.cloud) ?? 0));
  const worker = least(mostPeers, ({ isWorker }) => (isWorker ? 0 : 1));
  return least(worker, ({ rank }) => rank)[0] as RatedCandidate;
}

/** Those with the smallest score. */
function least(of: readonly RatedCandidate[], score: (one: RatedCandidate) => number): RatedCandidate[] {
  let smallest = Number.POSITIVE_INFINITY;
  let kept: RatedCandidate[] = [];
  for (const one of of) {
    const own = score(one);
    if (own > smallest) continue;
    if (own < smallest) kept = [];
    smallest = own;
    kept.push(one);
  }
  return kept;
}
