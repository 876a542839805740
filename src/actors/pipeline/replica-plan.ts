import { costOf } from '../../placement/link-cost.ts';
import { chooseReplicas, type ReplicaChoice } from '../../placement/replica-set.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { Member } from '../../ports/registry.ts';

/** select_target_nodes: what a coordinator knows of the nodes when it places the copies of one job's chunks. */
export class ReplicaPlan {
  readonly #replicas: number;
  readonly #minClouds: number;
  readonly #loads = new Map<string, number>();
  readonly #badUntilMs = new Map<string, number>();
  readonly #freeBytes = new Map<string, number>();

  constructor(replicas: number, minClouds: number) {
    this.#replicas = replicas;
    this.#minClouds = minClouds;
  }

  choose(
    chunkKey: string,
    chunkBytes: number,
    worker: Member,
    members: readonly Member[],
    nowMs: number,
  ): ReplicaChoice {
    const byNode = new Map(members.map((member) => [member.node, member]));
    return chooseReplicas({
      chunkKey,
      chunkBytes,
      replicas: this.#replicas,
      minClouds: this.#minClouds,
      strategy: 'balanced',
      worker: { node: worker.node, cloud: worker.cloud },
      candidates: members.map(({ node, cloud, state }) => ({
        node,
        cloud,
        freeBytes: this.#freeBytes.get(node) ?? Number.MAX_SAFE_INTEGER,
        load: this.#loads.get(node) ?? 0,
        healthy: state === 'ready' && nowMs >= (this.#badUntilMs.get(node) ?? 0),
      })),
      linkCost: (from, to) => {
        const [a, b] = [byNode.get(from), byNode.get(to)];
        return a === undefined || b === undefined ? { usd: 0, ms: 0 } : costOf(a, b, 0, chunkBytes);
      },
    });
  }

  /** A chunk was given to these nodes, or (with -1) taken back. */
  count(nodes: Iterable<string>, by: 1 | -1): void {
    for (const node of nodes) this.#loads.set(node, (this.#loads.get(node) ?? 0) + by);
  }

  /** A node could not take its copy: it is passed over for a while. */
  avoid(node: string, untilMs: number): void {
    this.#badUntilMs.set(node, untilMs);
  }

  free(node: string, bytes: number): void {
    this.#freeBytes.set(node, bytes);
  }
}

/** Refuses a policy that these members can never meet: TOO_FEW_NODES, TOO_FEW_CLOUDS. */
export function feasible(members: readonly Member[], replicas: number, minClouds: number): void {
  const ready = members.filter(({ state }) => state === 'ready');
  const first = ready[0];
  if (first === undefined)
    throw new LoomError('TOO_FEW_NODES', `${replicas} replicas need ${replicas} nodes; none is ready`);
  const choice = new ReplicaPlan(replicas, Math.min(minClouds, replicas)).choose('plan', 1, first, ready, 0);
  if (choice.kind === 'refused') {
    throw new LoomError(choice.code, choice.detail, {
      details: { needed: choice.needed, eligible: choice.eligible },
    });
  }
}
