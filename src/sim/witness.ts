import type { LifeSpan } from './life.ts';

/** What the books must know of the nodes. */
export interface Witness {
  nowMs(): number;
  thawedMs(node: string): number;
  lives(node: string): readonly LifeSpan[];
  /** Whether the registry holds an epoch no more, or holds nothing now. */
  epochEnded(node: string, epoch: number): boolean;
}
