import type { SimulatedCluster } from '../cluster.ts';
import type { NodeWork } from '../life.ts';
import { registryPlace } from '../registry-client.ts';
import { betweenCloudsMs, type Cut } from '../roads.ts';
import { anyNode, type FaultKind, type FaultScene, type Heal } from './fault-kind.ts';

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

function mended(cut: Cut): Heal {
  return () => cut.mend();
}
