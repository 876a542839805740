/**
 * `balanced`: everyone bears its share. `nearest` and `cheapest`: the links with the shortest time or the lowest
 * egress price first, and balance only among equals, so that one node may bear much more than another.
 */
export type PlacementStrategy = 'balanced' | 'nearest' | 'cheapest';

/** A node that may take a copy of a chunk. */
export interface ReplicaCandidate {
  readonly node: string;
  readonly cloud: string;
  readonly freeBytes: number;
  /** Chunks of this job that it was given already. */
  readonly load: number;
  readonly healthy: boolean;
}
