import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { costOf } from '../../src/placement/link-cost.ts';
import type { ReplicaCandidate } from '../../src/placement/replica-candidate.ts';
import {
  chooseReplicas,
  type ReplicaPlacement,
  type ReplicaRequest,
} from '../../src/placement/replica-set.ts';

const gigabyte = 2 ** 30;
const cloudNames = ['aws', 'gcp', 'azure', 'attic'];

function candidate(node: string, cloud: string, more: Partial<ReplicaCandidate> = {}): ReplicaCandidate {
  return { node, cloud, freeBytes: 100 * gigabyte, load: 0, healthy: true, ...more };
}

/** `sizes[i]` nodes in the i-th cloud. */
function cluster(sizes: readonly number[]): ReplicaCandidate[] {
  return sizes.flatMap((size, c) => {
    const cloud = cloudNames[c] as string;
    return Array.from({ length: size }, (_, i) => candidate(`${cloud}-${i + 1}`, cloud));
  });
}

const cloudOf = (node: string): string => node.slice(0, node.indexOf('-'));
const linkCost: ReplicaRequest['linkCost'] = (from, to) => {
  const place = (node: string) => ({ cloud: cloudOf(node), region: 'r', zone: 'z' });
  return costOf(place(from), place(to), cloudOf(from) === cloudOf(to) ? 0.5 : 30, gigabyte);
};

function request(
  candidates: readonly ReplicaCandidate[],
  more: Partial<ReplicaRequest> = {},
): ReplicaRequest {
  const worker = { node: candidates[0]?.node ?? 'aws-9', cloud: candidates[0]?.cloud ?? 'aws' };
  return { chunkKey: 'job/0', candidates, worker, strategy: 'balanced', linkCost, ...more };
}

function placed(of: ReplicaRequest): ReplicaPlacement {
  const choice = chooseReplicas(of);
  if (choice.kind === 'refused') throw new Error(choice.detail);
  return choice;
}

const strategy = fc.constantFrom('balanced' as const, 'nearest' as const, 'cheapest' as const);
const anyCandidates = fc
  .array(
    fc.record({
      cloud: fc.constantFrom(...cloudNames),
      freeBytes: fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 2 ** 40 })),
      load: fc.nat(50),
      healthy: fc.boolean(),
    }),
    { maxLength: 12 },
  )
  .map((ones) => ones.map((one, i) => candidate(`${one.cloud}-${i}`, one.cloud, one)));
const anyRequest = fc
  .record({
    candidates: anyCandidates,
    replicas: fc.integer({ min: 1, max: 5 }),
    minClouds: fc.integer({ min: 1, max: 4 }),
    strategy,
    chunkKey: fc.string(),
    workerCloud: fc.constantFrom(...cloudNames),
    workerIndex: fc.nat(11),
  })
  .map(({ candidates, minClouds, workerCloud, workerIndex, ...more }) => {
    const own = candidates[workerIndex];
    const worker = own === undefined ? { node: `${workerCloud}-x`, cloud: workerCloud } : own;
    return request(candidates, { ...more, minClouds: Math.min(minClouds, more.replicas), worker });
  });

describe('replica set', () => {
  it('meets the policy whenever it can be met, and refuses with the reason when not (P1)', () => {
    fc.assert(
      fc.property(anyRequest, (of) => {
        const choice = chooseReplicas(of);
        const { replicas = 3, minClouds = 2 } = of;
        const able = of.candidates.filter(({ healthy, freeBytes }) => healthy && freeBytes > 0);
        const clouds = new Set(able.map(({ cloud }) => cloud)).size;
        if (choice.kind === 'refused') {
          if (choice.code === 'TOO_FEW_NODES') expect(able.length).toBeLessThan(replicas);
          else expect(clouds).toBeLessThan(minClouds);
          expect(choice.eligible).toBe(choice.code === 'TOO_FEW_NODES' ? able.length : clouds);
          return;
        }
        expect(able.length >= replicas && clouds >= minClouds).toBe(true);
        const nodes = new Set(choice.targets.map(({ node }) => node));
        expect(nodes.size).toBe(replicas);
        expect(choice.targets).toHaveLength(replicas);
        expect(new Set(choice.targets.map(({ cloud }) => cloud)).size).toBeGreaterThanOrEqual(minClouds);
        for (const { node, cloud } of choice.targets) {
          expect(able.find((one) => one.node === node)?.cloud).toBe(cloud);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('crosses into each other cloud once, and pulls from who has it by then (P3)', () => {
    fc.assert(
      fc.property(anyRequest, (of) => {
        const choice = chooseReplicas(of);
        if (choice.kind === 'refused') return;
        const have = new Map([[of.worker.node, of.worker.cloud]]);
        const crossings = new Map<string, number>();
        for (const { node, cloud, from } of choice.targets) {
          expect(have.has(from)).toBe(true);
          if (have.get(from) !== cloud) {
            expect(from).toBe(of.worker.node);
            crossings.set(cloud, (crossings.get(cloud) ?? 0) + 1);
          }
          have.set(node, cloud);
        }
        const remote = new Set(
          choice.targets.map(({ cloud }) => cloud).filter((cloud) => cloud !== of.worker.cloud),
        );
        expect([...crossings.keys()].toSorted()).toEqual([...remote].toSorted());
        expect([...crossings.values()].every((count) => count === 1)).toBe(true);
        const usd = choice.targets.reduce(
          (sum, { node, from }) => sum + (node === from ? 0 : linkCost(from, node).usd),
          0,
        );
        expect(choice.usd).toBeCloseTo(usd);
      }),
      { numRuns: 2000 },
    );
  });

  it('answers the same whatever order the candidates come in (P4)', () => {
    fc.assert(
      fc.property(anyRequest, fc.integer(), (of, seed) => {
        const mixed = of.candidates
          .map((one, i) => ({ one, at: Math.sin(seed + i) }))
          .toSorted((a, b) => a.at - b.at)
          .map(({ one }) => one);
        expect(chooseReplicas({ ...of, candidates: mixed })).toEqual(chooseReplicas(of));
      }),
    );
  });

  it('keeps equal nodes within one chunk of their share, after every chunk (P2)', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 4 });
    const setup = fc.record({
      sizes,
      replicas: fc.integer({ min: 1, max: 5 }),
      minClouds: fc.integer({ min: 1, max: 2 }),
      chunks: fc.integer({ min: 1, max: 200 }),
      // Who works on a chunk: anyone in turn, one node always, or a node that stores nothing.
      workers: fc.constantFrom('turn', 'one', 'stranger'),
    });
    fc.assert(
      fc.property(setup, ({ sizes, replicas, minClouds, chunks, workers }) => {
        const nodes = cluster(sizes);
        fc.pre(minClouds <= replicas && nodes.length >= replicas && sizes.length >= minClouds);
        keepsBalance({ sizes, replicas, minClouds, chunks, workers });
      }),
      { numRuns: 300 },
    );
  });

  it('keeps the balance over 2000 chunks', () => {
    for (const sizes of [
      [2, 2],
      [3, 1],
      [5, 3],
      [4, 3, 2],
      [1, 1, 1],
    ]) {
      keepsBalance({ sizes, replicas: 3, minClouds: 2, chunks: 2000, workers: 'one' });
    }
  });

  it('gives a nearly full node less, in proportion', () => {
    const nodes = ['aws-1', 'aws-2', 'aws-3', 'gcp-1', 'gcp-2', 'gcp-3'].map((node) => {
      return candidate(node, cloudOf(node), { freeBytes: node === 'gcp-3' ? 5 * gigabyte : 100 * gigabyte });
    });
    const loads = fill(nodes, 400, { replicas: 3 });
    const weight = 0.2;
    const share = (1200 * weight) / (5 + weight);
    expect(Math.abs((loads.get('gcp-3') ?? 0) - share)).toBeLessThan(2);
    const rest = [...loads].filter(([node]) => node !== 'gcp-3').map(([, load]) => load);
    expect(Math.max(...rest) - Math.min(...rest)).toBeLessThanOrEqual(1);
  });

  it('counts free space of the same magnitude as equal', () => {
    const nodes = ['aws-1', 'aws-2', 'gcp-1', 'gcp-2'].map((node, i) => {
      return candidate(node, cloudOf(node), { freeBytes: (30 + 20 * i) * gigabyte });
    });
    const loads = [...fill(nodes, 100, { replicas: 3 }).values()];
    expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
  });

  it('lets the worker keep a copy among equals', () => {
    const nodes = cluster([2, 2]);
    for (const worker of nodes) {
      const targets = placed(request(nodes, { worker, chunkKey: `job/${worker.node}` })).targets;
      expect(targets).toContainEqual({ node: worker.node, cloud: worker.cloud, from: worker.node });
    }
  });

  it('spreads first chunks over all equal nodes by their keys', () => {
    const nodes = cluster([4, 4]);
    const seen = new Set<string>();
    for (let i = 0; i < 100; i++) {
      for (const { node } of placed(
        request(nodes, { chunkKey: `job/${i}`, worker: { node: 'x-1', cloud: 'x' } }),
      ).targets) {
        seen.add(node);
      }
    }
    expect(seen.size).toBe(8);
  });

  it('stays near, or cheap, when asked to, and no further away than the policy demands', () => {
    const nodes = cluster([3, 3, 3]).map((one) => (one.cloud === 'aws' ? { ...one, load: 9 } : one));
    const cheap = placed(request(nodes, { strategy: 'cheapest' })).targets.map(({ cloud }) => cloud);
    expect(cheap.filter((cloud) => cloud === 'aws')).toHaveLength(2);
    const slowGcp: ReplicaRequest['linkCost'] = (from, to) => ({
      usd: 0,
      ms: cloudOf(from) === cloudOf(to) ? 1 : cloudOf(to) === 'gcp' ? 80 : 20,
    });
    const near = placed(request(nodes, { strategy: 'nearest', linkCost: slowGcp })).targets;
    expect(near.map(({ cloud }) => cloud)).toEqual(['aws', 'aws', 'azure']);
  });

  it('pulls into another cloud over its cheapest link', () => {
    const nodes = [candidate('aws-1', 'aws'), candidate('gcp-1', 'gcp'), candidate('gcp-2', 'gcp')];
    for (const best of ['gcp-1', 'gcp-2']) {
      const links: ReplicaRequest['linkCost'] = (_, to) => ({ usd: to === best ? 1 : 2, ms: 1 });
      const other = best === 'gcp-1' ? 'gcp-2' : 'gcp-1';
      expect(placed(request(nodes, { linkCost: links })).targets).toEqual([
        { node: 'aws-1', cloud: 'aws', from: 'aws-1' },
        { node: best, cloud: 'gcp', from: 'aws-1' },
        { node: other, cloud: 'gcp', from: best },
      ]);
    }
  });

  it('says what is missing', () => {
    expect(chooseReplicas(request(cluster([1, 1])))).toEqual({
      kind: 'refused',
      code: 'TOO_FEW_NODES',
      needed: 3,
      eligible: 2,
      detail: '3 nodes are needed and 2 can take the chunk (healthy, with room for it)',
    });
    expect(chooseReplicas(request(cluster([4])))).toMatchObject({
      code: 'TOO_FEW_CLOUDS',
      needed: 2,
      eligible: 1,
    });
    const full = cluster([2, 2]).map((one) => ({ ...one, freeBytes: 10 }));
    expect(chooseReplicas(request(full, { chunkBytes: 11 }))).toMatchObject({
      code: 'TOO_FEW_NODES',
      eligible: 0,
    });
  });

  it('does not count a node twice, and refuses a request that contradicts itself', () => {
    const nodes = [...cluster([1, 1]), ...cluster([1, 1])];
    expect(chooseReplicas(request(nodes))).toMatchObject({ code: 'TOO_FEW_NODES', eligible: 2 });
    for (const wrong of [{ replicas: 0 }, { replicas: 1.5 }, { replicas: 1, minClouds: 2 }]) {
      expect(() => chooseReplicas(request(cluster([3, 3]), wrong))).toThrow(
        expect.objectContaining({ code: 'INVALID_DEFINITION' }),
      );
    }
  });
});

/** Places `chunks` chunks one after another; answers how many each node got. */
function fill(
  nodes: readonly ReplicaCandidate[],
  chunks: number,
  more: Partial<ReplicaRequest>,
  after: (loads: ReadonlyMap<string, number>, chunk: number) => void = () => {},
  workerOf: (chunk: number) => ReplicaRequest['worker'] = () => nodes[0] as ReplicaCandidate,
): Map<string, number> {
  const loads = new Map(nodes.map(({ node }) => [node, 0]));
  for (let chunk = 0; chunk < chunks; chunk++) {
    const candidates = nodes.map((one) => ({ ...one, load: loads.get(one.node) ?? 0 }));
    const chunkKey = `job/${chunk}`;
    const { targets } = placed(request(candidates, { ...more, chunkKey, worker: workerOf(chunk) }));
    for (const { node } of targets) loads.set(node, (loads.get(node) ?? 0) + 1);
    after(loads, chunk + 1);
  }
  return loads;
}

interface Balance {
  readonly sizes: readonly number[];
  readonly replicas: number;
  readonly minClouds: number;
  readonly chunks: number;
  readonly workers: string;
}

function keepsBalance({ sizes, replicas, minClouds, chunks, workers }: Balance): void {
  const nodes = cluster(sizes);
  const rates = fairRates(sizes, replicas, minClouds);
  const workerOf = (chunk: number): ReplicaRequest['worker'] => {
    if (workers === 'stranger') return { node: 'gcp-99', cloud: 'gcp' };
    return nodes[workers === 'turn' ? chunk % nodes.length : 0] as ReplicaCandidate;
  };
  const check = (loads: ReadonlyMap<string, number>, chunk: number): void => {
    for (const { node, cloud } of nodes) {
      const share = chunk * (rates.get(cloud) ?? 0);
      const apart = Math.abs((loads.get(node) ?? 0) - share);
      if (apart > 1 + 1e-9)
        throw new Error(`${node} has ${loads.get(node)} of ${share} after ${chunk} chunks`);
    }
  };
  fill(nodes, chunks, { replicas, minClouds }, check, workerOf);
}

/**
 * Copies of each chunk that a node of each cloud bears when the burden is as even as the policy allows: at most one a
 * node, and with two clouds demanded at most `replicas - 1` a cloud. Found by raising the level of all until the
 * copies are used up.
 */
function fairRates(sizes: readonly number[], replicas: number, minClouds: number): Map<string, number> {
  const cloudLimit = minClouds === 1 ? replicas : replicas - 1;
  const rate = (size: number, level: number): number => Math.min(level, 1, cloudLimit / size);
  let low = 0;
  let high = 1;
  for (let i = 0; i < 100; i++) {
    const level = (low + high) / 2;
    const total = sizes.reduce((sum, size) => sum + size * rate(size, level), 0);
    if (total < replicas) low = level;
    else high = level;
  }
  return new Map(sizes.map((size, c) => [cloudNames[c] as string, rate(size, high)]));
}
