import type { CloudCount } from '../config/cloud-counts.ts';

/** A logical node as it is planned: who it is and where it stands. */
export interface PlannedNode {
  readonly id: string;
  readonly cloud: string;
  readonly region: string;
  readonly zone: string;
}

/** One region with its zones, as the cloud writes them. */
interface Place {
  readonly region: string;
  readonly zones: readonly string[];
}

const places: Readonly<Record<string, Place>> = {
  aws: { region: 'us-east-1', zones: ['us-east-1a', 'us-east-1b', 'us-east-1c'] },
  gcp: { region: 'us-central1', zones: ['us-central1-a', 'us-central1-b', 'us-central1-c'] },
  azure: { region: 'eastus', zones: ['eastus-1', 'eastus-2', 'eastus-3'] },
};

/** The logical nodes of `loom dev`: `aws-1`, `aws-2`, … Each cloud is one region; its nodes go round the zones. */
export function planNodes(clouds: readonly CloudCount[]): readonly PlannedNode[] {
  return clouds.flatMap(({ cloud, count }) => {
    const { region, zones } = placeOf(cloud);
    return Array.from({ length: count }, (_, index) => ({
      id: `${cloud}-${index + 1}`,
      cloud,
      region,
      zone: zones[index % zones.length] ?? region,
    }));
  });
}

function placeOf(cloud: string): Place {
  if (Object.hasOwn(places, cloud)) return places[cloud] as Place;
  const region = `${cloud}-1`;
  return { region, zones: [`${region}a`, `${region}b`, `${region}c`] };
}
