import { type PipelineOfNode, startPipeline } from '../actors/pipeline/start-pipeline.ts';
import type { BulkAttachment, BulkPlane } from '../ports/bulk.ts';
import type { LoomError } from '../ports/loom-error.ts';
import type { ClusterNode } from '../runtime/cluster-node.ts';
import type { JournalDurability } from '../runtime/journal/journal.ts';
import type { Machine } from './compose.ts';
import type { NodeWork } from './dev-node.ts';

/** A node with the pipeline's actors on it. */
export interface PipelineWork extends NodeWork {
  readonly node: ClusterNode;
  readonly pipeline: PipelineOfNode;
  readonly bulk: BulkAttachment;
}

export interface PipelinePlace {
  readonly machine: Machine;
  readonly bulk: BulkPlane;
  /** The node's own folder. */
  readonly folder: string;
  readonly cloud: string;
  readonly durability: JournalDurability;
  /** A sync failed: the store takes no writes until it is opened anew. */
  readonly stopped: (error: LoomError) => void;
}

/** Starts the pipeline's actors on a node that has joined. Leaves nothing open when it rejects. */
export async function startPipelineWork(node: ClusterNode, place: PipelinePlace): Promise<PipelineWork> {
  const { machine, folder, cloud, durability, stopped } = place;
  await machine.disk.makeDirectory(folder);
  const bulk = place.bulk.attach(node.node);
  try {
    const pipeline = await startPipeline(node, {
      ...machine,
      bulk,
      folder,
      durability,
      cloud,
      stopped,
      // Blocks are filled before anyone reads them; zeroing them first would cost as much as checking them.
      allocate: (bytes) => Buffer.allocUnsafeSlow(bytes),
    });
    return {
      node,
      pipeline,
      bulk,
      close: async () => {
        bulk.close();
        await pipeline.close();
      },
    };
  } catch (thrown) {
    bulk.close();
    throw thrown;
  }
}
