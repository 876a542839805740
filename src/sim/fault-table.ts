import { LoomError } from '../ports/loom-error.ts';
import type { SimulatedCluster } from './cluster.ts';
import type { NodeWork, Restart, SimulatedNode } from './node.ts';
import { nodeFolder } from './pipeline-load.ts';
import { registryPlace } from './registry-client.ts';
import { betweenCloudsMs, type Cut } from './roads.ts';

/** What a fault is done with. */
export interface FaultScene<Work extends NodeWork> {
  readonly cluster: SimulatedCluster<Work>;
  /** How long it is meant to last, ms. */
  readonly lastMs: number;
  /** Files in which bits were flipped, by node. */
  readonly damaged: Map<string, string[]>;
  /** Changes the source file of an ingest that may still run; false when there is none. */
  readonly changeSource: () => boolean;
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

/** Faults of the roads between the nodes. */
export function roadFaults<Work extends NodeWork>(): readonly FaultKind<Work>[] {
  return [
    { kind: 'storm', weight: 6, begin: storm },
    {
      kind: 'one-way-cut',
      weight: 3,
      begin: (scene) => {
        const { roads, random } = scene.cluster;
        const from = random.pick(roads.places());
        const to = random.chance(0.3) ? roads.places() : [random.pick(roads.places())];
        return mended(roads.cut([from], to));
      },
    },
    {
      kind: 'one-way-cloud-cut',
      weight: 1,
      begin: ({ cluster: { roads, random } }) => {
        const [from, to] = random.chance(0.5) ? ['aws', 'gcp'] : ['gcp', 'aws'];
        return mended(roads.cut(roads.places(from), roads.places(to)));
      },
    },
    { kind: 'cloud-cut', weight: 2, begin: ({ cluster }) => mended(cutClouds(cluster)) },
    {
      kind: 'node-cut-off',
      weight: 2,
      begin: ({ cluster }) => {
        const { roads } = cluster;
        const { name } = anyNode(cluster);
        const there = roads.cut([name], roads.places());
        const back = roads.cut(roads.places(), [name]);
        return () => {
          there.mend();
          back.mend();
        };
      },
    },
    {
      kind: 'registry-severed',
      weight: 3,
      begin: ({ cluster }) => {
        const { roads, random } = cluster;
        const { name } = anyNode(cluster);
        const cuts = [
          ...(random.chance(0.75) ? [roads.cut([name], [registryPlace])] : []),
          ...(random.chance(0.75) ? [roads.cut([registryPlace], [name])] : []),
        ];
        return () => {
          for (const cut of cuts) cut.mend();
        };
      },
    },
    { kind: 'flapping', weight: 1, begin: flapping },
    {
      kind: 'bulk-trouble',
      weight: 3,
      begin: ({ cluster: { bulk, random } }) => {
        if (random.chance(0.5)) bulk.trouble.flip = random.float() * 0.1;
        else bulk.trouble.reset = random.float() * 0.1;
        return () => {
          bulk.trouble.flip = 0;
          bulk.trouble.reset = 0;
        };
      },
    },
  ];
}

/** Faults of the processes. */
export function processFaults<Work extends NodeWork>(): readonly FaultKind<Work>[] {
  return [
    { kind: 'node-killed', weight: 4, begin: (scene) => killNode(scene, 'process-crash') },
    { kind: 'node-power-loss', weight: 4, begin: (scene) => killNode(scene, 'power-loss') },
    {
      kind: 'all-killed',
      weight: 1,
      begin: ({ cluster, lastMs }) => {
        const how = cluster.random.chance(0.5) ? 'power-loss' : 'process-crash';
        for (const node of cluster.nodes) node.kill(how, cluster.random.float() * lastMs);
        if (cluster.random.chance(0.5)) cluster.service.restart(how, cluster.random.float() * lastMs);
        return nothing;
      },
    },
    {
      kind: 'freeze',
      weight: 4,
      begin: ({ cluster }) => {
        const node = anyNode(cluster);
        if (node.process.frozen || node.process.killed) return undefined;
        node.freeze();
        return () => node.thaw();
      },
    },
    {
      kind: 'drain',
      weight: 2,
      begin: ({ cluster, lastMs }) => {
        const node = anyNode(cluster);
        if (node.work === undefined) return undefined;
        node.drain(cluster.random.float() * lastMs);
        return nothing;
      },
    },
    {
      kind: 'registry-restarted',
      weight: 2,
      begin: ({ cluster, lastMs }) => {
        if (cluster.service.registry === undefined) return undefined;
        const how = cluster.random.chance(0.5) ? 'power-loss' : 'process-crash';
        cluster.service.restart(how, cluster.random.float() * lastMs);
        return nothing;
      },
    },
    {
      kind: 'registry-frozen',
      weight: 1,
      begin: ({ cluster }) => {
        const { process } = cluster.service;
        if (process.frozen) return undefined;
        process.freeze();
        return () => process.thaw();
      },
    },
  ];
}

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
      begin: (scene) => (scene.changeSource() ? nothing : undefined),
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

function storm<Work extends NodeWork>({ cluster }: FaultScene<Work>): Heal {
  const { network, random } = cluster;
  const share = (most: number): number => (random.chance(0.5) ? random.float() * most : 0);
  const trouble = {
    loss: share(0.3),
    duplication: share(0.2),
    reordering: share(0.3),
    spike: share(0.1),
    spikeMs: 2000,
  };
  const calm = { loss: 0, duplication: 0, reordering: 0, spike: 0, spikeMs: 0 };
  const set = (quality: typeof calm): void => {
    network.setDefaultQuality(quality);
    for (const [from, to] of [
      ['aws', 'gcp'],
      ['gcp', 'aws'],
    ] as const) {
      const delay = { delayMs: betweenCloudsMs, jitterMs: betweenCloudsMs };
      network.setQuality({ group: from }, { group: to }, { ...delay, ...quality });
    }
  };
  set(trouble);
  return () => set(calm);
}

function flapping<Work extends NodeWork>({ cluster, lastMs }: FaultScene<Work>): Heal {
  const { time, random } = cluster;
  const untilMs = time.nowMs + lastMs;
  let cut: Cut | undefined;
  let healed = false;
  const flap = (): void => {
    if (healed) return;
    if (cut === undefined && time.nowMs < untilMs) cut = cutClouds(cluster);
    else {
      cut?.mend();
      cut = undefined;
    }
    if (time.nowMs < untilMs) time.at(time.nowMs + 300 + random.below(3000), flap);
  };
  flap();
  return () => {
    healed = true;
    cut?.mend();
  };
}

function killNode<Work extends NodeWork>(
  { cluster, lastMs }: FaultScene<Work>,
  how: Restart,
): Heal | undefined {
  const node = anyNode(cluster);
  if (node.process.killed) return undefined;
  node.kill(how, 50 + cluster.random.float() * lastMs);
  return nothing;
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

function cutClouds<Work extends NodeWork>({ roads }: SimulatedCluster<Work>): Cut {
  const there = roads.cut(roads.places('aws'), roads.places('gcp'));
  const back = roads.cut(roads.places('gcp'), roads.places('aws'));
  return {
    mend: () => {
      there.mend();
      back.mend();
    },
  };
}

function anyNode<Work extends NodeWork>(cluster: SimulatedCluster<Work>): SimulatedNode<Work> {
  return cluster.random.pick(cluster.nodes);
}

function mended(cut: Cut): Heal {
  return () => cut.mend();
}

function nothing(): void {}
