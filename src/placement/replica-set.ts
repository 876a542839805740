import { LoomError } from '../ports/loom-error.ts';
import { rendezvousOrder, type WeightedNode } from './hash-ring.ts';
import type { LinkCost } from './link-cost.ts';
import type { PlacementStrategy, ReplicaCandidate } from './replica-candidate.ts';
import { preferred, type RatedCandidate } from './replica-preference.ts';

/**
 * Chooses where the copies of one chunk go and whom each of them is pulled from.
 *
 * P1. At least `replicas` different nodes in at least `minClouds` clouds, or a refusal that says what is missing. It is
 *     never refused while such a set exists.
 * P2. Under `balanced`, nodes of equal weight never differ by more than one chunk from their share: rendezvous hashing
 *     proposes, and who is behind its share goes first. A node's share is what the cloud rule leaves it.
 * P3. Exactly one copy crosses into each cloud other than the worker's; the others there are pulled from that one.
 * P4. The answer depends on the request alone, not on the order of the candidates.
 */
export interface ReplicaRequest {
  /** Names the chunk in the cluster; equal keys propose equal nodes. */
  readonly chunkKey: string;
  /** Candidates with less free space are passed over. Default 1. */
  readonly chunkBytes?: number;
  /** Default 3. */
  readonly replicas?: number;
  /** Default 2. */
  readonly minClouds?: number;
  readonly candidates: readonly ReplicaCandidate[];
  /** Who has the bytes. It is the first among equals when it is a candidate too. */
  readonly worker: { readonly node: string; readonly cloud: string };
  readonly strategy: PlacementStrategy;
  /** What it costs to move this chunk from one node to another; see `link-cost.ts`. */
  readonly linkCost: (fromNode: string, toNode: string) => LinkCost;
}

export type ReplicaChoice = ReplicaPlacement | ReplicaRefusal;

export interface ReplicaPlacement {
  readonly kind: 'placed';
  /** A target comes after the one that it is pulled from. */
  readonly targets: readonly ReplicaTarget[];
  /** Egress of all copies by list price. */
  readonly usd: number;
}

interface ReplicaTarget {
  readonly node: string;
  readonly cloud: string;
  /** Pulled from here; the target's own id when it is the worker, which has the bytes. */
  readonly from: string;
}

interface ReplicaRefusal {
  readonly kind: 'refused';
  readonly code: 'TOO_FEW_NODES' | 'TOO_FEW_CLOUDS';
  readonly needed: number;
  readonly eligible: number;
  /** The sentence for the error. */
  readonly detail: string;
}

/** INVALID_DEFINITION when the request contradicts itself: fewer than one replica, or more clouds than replicas. */
export function chooseReplicas(request: ReplicaRequest): ReplicaChoice {
  const { replicas = 3, minClouds = 2, chunkBytes = 1, worker, linkCost } = request;
  if (!Number.isInteger(replicas) || replicas < 1 || minClouds > replicas) {
    throw new LoomError(
      'INVALID_DEFINITION',
      `${replicas} replicas on at least ${minClouds} clouds cannot be`,
    );
  }
  const eligible = new Map<string, ReplicaCandidate>();
  for (const one of request.candidates) {
    if (one.healthy && one.freeBytes >= chunkBytes) eligible.set(one.node, one);
  }
  const clouds = new Set([...eligible.values()].map(({ cloud }) => cloud));
  if (eligible.size < replicas) return refusal('TOO_FEW_NODES', 'nodes', replicas, eligible.size);
  if (clouds.size < minClouds) return refusal('TOO_FEW_CLOUDS', 'clouds', minClouds, clouds.size);

  const chosen = choose(request, [...eligible.values()], replicas, minClouds);
  const targets = sources(chosen, worker, linkCost);
  const usd = targets.reduce(
    (sum, { from, node }) => sum + (from === node ? 0 : linkCost(from, node).usd),
    0,
  );
  return { kind: 'placed', targets, usd };
}

function choose(
  request: ReplicaRequest,
  eligible: readonly ReplicaCandidate[],
  replicas: number,
  minClouds: number,
): ReplicaCandidate[] {
  const chosen: ReplicaCandidate[] = [];
  const covered = new Set<string>();
  let left = rate(request, eligible);
  while (chosen.length < replicas) {
    // The last places belong to clouds that have no copy yet, as long as some are missing (P1).
    const needsNewCloud = minClouds - covered.size >= replicas - chosen.length;
    const { candidate } = preferred(
      needsNewCloud ? left.filter((one) => !covered.has(one.candidate.cloud)) : left,
    );
    chosen.push(candidate);
    covered.add(candidate.cloud);
    left = left.filter((one) => one.candidate !== candidate);
  }
  return chosen;
}

function rate(request: ReplicaRequest, eligible: readonly ReplicaCandidate[]): RatedCandidate[] {
  const { chunkKey, strategy, worker, linkCost } = request;
  const weights = weightsOf(eligible);
  const proposed = rendezvousOrder(chunkKey, weights);
  const ranks = new Map(proposed.map((node, rank) => [node, rank]));
  return eligible.map((candidate, i) => {
    const { node, load } = candidate;
    const cost = strategy === 'balanced' ? noCost : linkCost(worker.node, node);
    return {
      candidate,
      // Round trips are never equal: within a factor of two they count as such.
      link: strategy === 'cheapest' ? cost.usd : Math.floor(Math.log2(1 + cost.ms)),
      // Webster's method, by which seats are handed out in parliaments: it keeps everyone within one of its share.
      level: (load + 0.5) / (weights[i]?.weight ?? 1),
      rank: ranks.get(node) ?? 0,
      isWorker: node === worker.node,
    };
  });
}

const noCost: LinkCost = { usd: 0, ms: 0 };

/**
 * Nodes weigh the same while their free space is within a factor of four of the roomiest; below that they weigh in
 * proportion. So a cluster of like machines is filled evenly, and a nearly full one gets few.
 */
function weightsOf(eligible: readonly ReplicaCandidate[]): WeightedNode[] {
  const roomiest = Math.max(...eligible.map(({ freeBytes }) => freeBytes));
  return eligible.map(({ node, freeBytes }) => ({ node, weight: Math.min(1, (4 * freeBytes) / roomiest) }));
}

/** P3: the worker's cloud pulls from the worker; elsewhere the target with the cheapest link does, then the others. */
function sources(
  chosen: readonly ReplicaCandidate[],
  worker: ReplicaRequest['worker'],
  linkCost: ReplicaRequest['linkCost'],
): ReplicaTarget[] {
  const heads = new Map<string, string>([[worker.cloud, worker.node]]);
  const targets: ReplicaTarget[] = [];
  const remote = chosen.filter(({ cloud }) => cloud !== worker.cloud);
  const byCost = (a: ReplicaCandidate, b: ReplicaCandidate): number => {
    const [costA, costB] = [linkCost(worker.node, a.node), linkCost(worker.node, b.node)];
    return costA.usd - costB.usd || costA.ms - costB.ms;
  };
  for (const { node, cloud } of remote.sort(byCost)) if (!heads.has(cloud)) heads.set(cloud, node);
  for (const { node, cloud } of chosen) {
    const head = heads.get(cloud) as string;
    targets.push({ node, cloud, from: head === node ? worker.node : head });
  }
  const order = ({ node, from }: ReplicaTarget): number => (node === from ? 0 : from === worker.node ? 1 : 2);
  return targets.sort((a, b) => order(a) - order(b));
}

function refusal(
  code: ReplicaRefusal['code'],
  what: string,
  needed: number,
  eligible: number,
): ReplicaRefusal {
  const detail = `${needed} ${what} are needed and ${eligible} can take the chunk (healthy, with room for it)`;
  return { kind: 'refused', code, needed, eligible, detail };
}
