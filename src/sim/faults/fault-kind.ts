import type { SimulatedCluster } from '../cluster.ts';
import type { NodeWork } from '../life.ts';
import type { SimulatedNode } from '../node.ts';

/** What a fault is done with. */
export interface FaultScene<Work extends NodeWork> {
  readonly cluster: SimulatedCluster<Work>;
  /** How long it is meant to last, ms. */
  readonly lastMs: number;
  /** Files in which bits were flipped, by node. */
  readonly damaged: Map<string, string[]>;
  /** Somebody writes to the source of the next ingest, soon after it was accepted. */
  readonly changeNextSource: () => void;
}

/** Ends a fault. Faults that are over at once have nothing to end. */
export type Heal = () => void;

export interface FaultKind<Work extends NodeWork> {
  readonly kind: string;
  /** How often, beside the others. */
  readonly weight: number;
  /** Undefined when it could not happen now. */
  readonly begin: (scene: FaultScene<Work>) => Heal | undefined;
}

export function anyNode<Work extends NodeWork>(cluster: SimulatedCluster<Work>): SimulatedNode<Work> {
  return cluster.random.pick(cluster.nodes);
}

/** A fault that is over at once. */
export function nothing(): void {}
