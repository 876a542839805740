import type { SimulatedCluster } from '../cluster.ts';
import type { NodeWork, Restart } from '../life.ts';
import { registryPlace } from '../registry-client.ts';
import { anyNode, type FaultKind, type FaultScene, type Heal, nothing } from './fault-kind.ts';

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
        const { service, random } = cluster;
        if (service.registry === undefined) return undefined;
        const how = random.chance(0.5) ? 'power-loss' : 'process-crash';
        // At once, so that holders of leases have not yet heard of it, or after they have.
        const downMs = random.float() * (random.chance(0.5) ? 50 : lastMs);
        return atAWrite(cluster, registryPlace, () => service.restart(how, downMs));
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

function killNode<Work extends NodeWork>(
  { cluster, lastMs }: FaultScene<Work>,
  how: Restart,
): Heal | undefined {
  const node = anyNode(cluster);
  if (node.process.killed) return undefined;
  const downMs = 50 + cluster.random.float() * lastMs;
  return atAWrite(cluster, node.name, () => node.kill(how, downMs));
}

/** Does it now, or around one of the next moments at which something becomes durable; at the latest at the heal. */
function atAWrite<Work extends NodeWork>(
  { random, time, ambushes }: SimulatedCluster<Work>,
  disk: string,
  run: () => void,
): Heal {
  if (random.chance(0.4)) {
    run();
    return nothing;
  }
  const ambush = ambushes.lay(disk, 1 + random.below(12), () => {
    time.at(time.nowMs + random.float() * 3, run);
  });
  return () => {
    if (!ambush.lift()) run();
  };
}
