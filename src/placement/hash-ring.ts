import { hashText, unitOf } from './string-hash.ts';

/**
 * Weighted rendezvous hashing: every node draws a score for a key, and the highest scores win.
 *
 * H1. The order depends on the key and on the nodes with their weights, not on the order in which they are given.
 * H2. A node that comes or goes moves only the keys that it wins or held; among the others the order stays.
 * H3. A node wins a share of the keys in proportion to its weight. The score is `-weight / ln(h)` with `h` uniform in
 *     (0, 1), which makes it the first of an exponential race (Schindelhauer and Schomaker, 2005).
 */
export interface WeightedNode {
  readonly node: string;
  /** Above 0. A node of weight 0 or below is never chosen. */
  readonly weight: number;
}

/** The nodes, best first for this key. */
export function rendezvousOrder(key: string, nodes: readonly WeightedNode[]): string[] {
  const seed = hashText(key);
  const scored = nodes
    .filter(({ weight }) => weight > 0)
    .map(({ node, weight }) => ({ node, score: -weight / Math.log(unitOf(hashText(node, seed))) }));
  scored.sort((a, b) => b.score - a.score || (a.node < b.node ? -1 : 1));
  return scored.map(({ node }) => node);
}

/** The first of `rendezvousOrder` for nodes of equal weight, without building it. */
export function rendezvousFirst(key: string, nodes: Iterable<string>): string | undefined {
  const seed = hashText(key);
  let best: string | undefined;
  let bestDraw = 0;
  for (const node of nodes) {
    const draw = unitOf(hashText(node, seed));
    if (best === undefined || draw > bestDraw || (draw === bestDraw && node < best)) {
      best = node;
      bestDraw = draw;
    }
  }
  return best;
}
