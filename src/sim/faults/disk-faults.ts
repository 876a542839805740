import { LoomError } from '../../ports/loom-error.ts';
import type { NodeWork } from '../life.ts';
import type { SimulatedNode } from '../node.ts';
import { nodeFolder } from '../pipeline-load.ts';
import { anyNode, type FaultKind, type FaultScene, type Heal, nothing } from './fault-kind.ts';

/** Faults of the disks. */
export function diskFaults<Work extends NodeWork>(): readonly FaultKind<Work>[] {
  return [
    {
      kind: 'disk-slow',
      weight: 2,
      begin: ({ cluster }) => {
        const { faults } = anyNode(cluster).disk;
        faults.slowMs = cluster.random.float() * 100;
        return () => faults.calm();
      },
    },
    {
      kind: 'disk-fails',
      weight: 3,
      begin: ({ cluster }) => {
        const { faults } = anyNode(cluster).disk;
        if (cluster.random.chance(0.5)) faults.failNth(1 + cluster.random.below(50));
        else faults.failChance = cluster.random.float() * 0.05;
        return () => faults.calm();
      },
    },
    {
      kind: 'disk-sync-fails',
      weight: 2,
      begin: ({ cluster }) => {
        const { faults } = anyNode(cluster).disk;
        faults.failSync(1 + cluster.random.below(20), cluster.random.chance(0.5) ? 'sync' : 'syncDirectory');
        return () => faults.calm();
      },
    },
    {
      kind: 'disk-full',
      weight: 2,
      begin: ({ cluster }) => {
        const { disk } = anyNode(cluster);
        const { capacityBytes } = disk;
        disk.capacityBytes = disk.usedBytes + cluster.random.below(20_000);
        return () => {
          disk.capacityBytes = Math.max(disk.capacityBytes, capacityBytes);
        };
      },
    },
    {
      kind: 'bit-flips',
      weight: 2,
      begin: (scene) => flipBits(scene),
    },
    {
      kind: 'source-changed',
      weight: 1,
      begin: ({ changeNextSource }) => {
        changeNextSource();
        return nothing;
      },
    },
    {
      kind: 'registry-disk-fails',
      weight: 1,
      begin: ({ cluster: { registryDisk, random } }) => {
        registryDisk.faults.failNth(1 + random.below(30));
        return () => registryDisk.faults.calm();
      },
    },
  ];
}

/**
 * Only on two nodes, always the same of a seed: three copies of a chunk lie on three nodes, so one of them stays whole,
 * as was promised for any number of faults of this kind below the number of replicas.
 */
function flipBits<Work extends NodeWork>({ cluster, damaged }: FaultScene<Work>): Heal | undefined {
  const node = cluster.nodes[cluster.random.below(2)] as SimulatedNode<Work>;
  const files: string[] = [];
  for (let i = cluster.random.below(4); i >= 0; i--) {
    const folder = `${nodeFolder}/store/${cluster.random.chance(0.8) ? 'chunks' : 'objects'}`;
    const flipped = flipIn(node, folder);
    if (flipped === undefined) continue;
    files.push(flipped);
    cluster.trace.line(`${node.name} bit flipped in ${flipped}`);
  }
  if (files.length === 0) return undefined;
  damaged.set(node.name, [...(damaged.get(node.name) ?? []), ...files]);
  return nothing;
}

/** A store that is not there yet has no bits to flip. */
function flipIn<Work extends NodeWork>(node: SimulatedNode<Work>, folder: string): string | undefined {
  try {
    return node.disk.flipRandomBit(folder)?.path;
  } catch (thrown) {
    if (LoomError.from(thrown).code === 'DISK_NOT_FOUND') return undefined;
    throw thrown;
  }
}
