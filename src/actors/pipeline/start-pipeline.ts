import type { BulkAttachment } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import type { LoomError } from '../../ports/loom-error.ts';
import type { Random } from '../../ports/random.ts';
import type { ActorRef } from '../../runtime/actor-ref.ts';
import type { ClusterNode } from '../../runtime/cluster-node.ts';
import type { ShardRegion } from '../../runtime/shard-region.ts';
import type { ChunkStore } from './chunk-store.ts';
import { chunkWorker } from './chunk-worker-actor.ts';
import { coordinator } from './coordinator-actor.ts';
import { openFences } from './fences.ts';
import { ingestor } from './ingestor-actor.ts';
import { watchRunning } from './job-store.ts';
import { Ingestor, Job, Keeper } from './messages.ts';
import { openChunkStore } from './open-chunk-store.ts';
import { storageKeeper } from './storage-keeper-actor.ts';

export interface PipelineParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly checksum: Checksum;
  readonly disk: Disk;
  /** This node's place on the bulk plane. */
  readonly bulk: BulkAttachment;
  /** The node's own folder, absolute. */
  readonly folder: string;
  readonly durability: 'power-safe' | 'process-crash-safe' | 'memory';
  readonly cloud: string;
  /** Chunks that the node works on at once; default 2. */
  readonly slots?: number;
  /** Memory for blocks that are read; the runtime's plain arrays when absent. */
  readonly allocate?: (bytes: number) => Uint8Array;
  /** A sync has failed: the node takes no writes until it is started anew from its disk. Told once. */
  readonly stopped?: (error: LoomError) => void;
}

export interface PipelineOfNode {
  readonly jobs: ShardRegion<typeof Job>;
  readonly store: ChunkStore;
  keeperOf(node: string): ActorRef<typeof Keeper>;
  ingestorOf(node: string): ActorRef<typeof Ingestor>;
  /** Stops watching and closes what is open on the disk; the actors have been stopped by then. */
  close(): Promise<void>;
}

/** Starts the pipeline's actors on a node: storage keeper, ingestor, the coordinators' region, chunk worker. */
export async function startPipeline(node: ClusterNode, parts: PipelineParts): Promise<PipelineOfNode> {
  const { clock, random, checksum, disk, bulk, folder, durability } = parts;
  const registry = node.membership.handle;
  const stopped = parts.stopped === undefined ? {} : { stopped: parts.stopped };
  const memory = parts.allocate === undefined ? {} : { allocate: parts.allocate };
  const store = await openChunkStore({
    disk,
    checksum,
    random,
    root: `${folder}/store`,
    durability,
    ...memory,
  });
  const fences = await openFences({ disk, checksum, directory: `${folder}/fences`, durability });
  const keeperOf = (name: string): ActorRef<typeof Keeper> => node.ref(Keeper, name, 'keeper');
  const ingestorOf = (name: string): ActorRef<typeof Ingestor> => node.ref(Ingestor, name, 'ingestor');
  const members = () => node.membership.view.members;

  node.system.spawn(storageKeeper({ store, fences, bulk, keeperOf, checksum, ...stopped }), {
    name: 'keeper',
  });
  node.system.spawn(
    ingestor({ node: node.node, clock, random, disk, checksum, bulk, registry, members, ...memory }),
    {
      name: 'ingestor',
    },
  );
  const jobs = node.region({
    kind: 'job',
    protocol: Job,
    behavior: (ownership) =>
      coordinator(ownership, { node: node.node, registry, random, bulk, checksum, members, keeperOf }),
    idleMs: 30_000,
  });
  const worker = node.system.spawn(
    chunkWorker({
      node: node.node,
      cloud: parts.cloud,
      bulk,
      checksum,
      keeperOf,
      ingestorOf,
      jobOf: (id) => jobs.ref(id),
      ...(parts.slots === undefined ? {} : { slots: parts.slots }),
    }),
    { name: 'worker' },
  );
  const watching = watchRunning(registry, (running) => worker.tell.jobs({ running: [...running] }));
  return {
    jobs,
    store,
    keeperOf,
    ingestorOf,
    close: async () => {
      watching.close();
      await fences.close();
    },
  };
}
