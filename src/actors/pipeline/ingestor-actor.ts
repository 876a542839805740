import type { BulkAttachment, BulkTicket } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Disk } from '../../ports/disk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { Random } from '../../ports/random.ts';
import type { Member, RegistryHandle } from '../../ports/registry.ts';
import { type Behavior, behavior } from '../../runtime/behavior.ts';
import { FileSource } from './file-source.ts';
import { checkDatasetName, checkPlan, chunkCount } from './job-plan.ts';
import { createJob } from './job-store.ts';
import { type IngestOrder, Ingestor, type JobHead, type SourcePin } from './messages.ts';
import { feasible } from './replica-plan.ts';
import { verifyTransform } from './transforms/verify.ts';

export interface IngestorParts {
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly bulk: BulkAttachment;
  readonly registry: RegistryHandle;
  readonly members: () => readonly Member[];
  /** Memory for blocks that are read; plain arrays when absent. */
  readonly allocate?: (bytes: number) => Uint8Array;
}

const maxOffers = 1024;

/**
 * DataIngestionEngine: `ingest` is ingest_batch (plan, pin, hand over to a coordinator), `offerSource` feeds
 * chunk_large_file and distribute_chunks_to_nodes, whose decisions are the coordinator's.
 */
export function ingestor(parts: IngestorParts): Behavior<typeof Ingestor> {
  return behavior(Ingestor, (ctx) => {
    const disk = ctx.port(parts.disk);
    const bulk = ctx.port(parts.bulk);
    const registry = ctx.port(parts.registry);
    const offers = new Set<string>();
    ctx.onStop(() => {
      for (const ticket of offers) parts.bulk.revoke(ticket);
    });

    async function pinned(path: string): Promise<SourcePin> {
      const stat = await disk.stat(path);
      if (stat === undefined) throw new LoomError('DISK_NOT_FOUND', path, { details: { path } });
      if (stat.kind !== 'file') {
        throw new LoomError(
          'SOURCE_NOT_A_FILE',
          `${path} is ${stat.kind === 'directory' ? 'a folder' : 'a device or pipe'}`,
          {
            details: { path },
          },
        );
      }
      const file = await disk.open(path, 'read');
      try {
        const { device, inode, bytes, modifiedMs } = await file.stat();
        return { device, inode, bytes, modifiedMs };
      } finally {
        await file.close();
      }
    }

    async function plan(order: IngestOrder): Promise<JobHead> {
      checkDatasetName(order.name);
      const pin = await pinned(order.path);
      checkPlan(pin.bytes, order.chunkBytes, order.blockBytes);
      feasible(parts.members(), order.replicas, order.minClouds);
      const id = `j${parts.random.hex(8)}`;
      return {
        id,
        dataset: id,
        name: order.name,
        state: 'running',
        source: { node: parts.node, path: order.path, pin },
        bytes: pin.bytes,
        chunkBytes: order.chunkBytes,
        blockBytes: order.blockBytes,
        chunkCount: chunkCount(pin.bytes, order.chunkBytes),
        replicas: order.replicas,
        minClouds: order.minClouds,
        transform: { name: verifyTransform.name, version: verifyTransform.version },
        createdMs: parts.clock.wallMs(),
      };
    }

    return {
      ingest: async (order) => {
        const head = await plan(order);
        const { id: job, dataset, name, bytes, chunkCount: chunks, createdMs } = head;
        if (!(await createJob(registry, head, { job, dataset, bytes, chunks, createdMs }))) {
          throw new LoomError('ALREADY_EXISTS', `“${name}”`, { details: { name } });
        }
        return { job, dataset, name, bytes, chunks };
      },
      offerSource: async ({ source, offset, bytes, blockBytes }) => {
        if (source.node !== parts.node)
          throw new LoomError('SOURCE_UNREACHABLE', `${source.path} lies on ${source.node}`);
        if (offers.size >= maxOffers)
          throw new LoomError('SOURCE_UNREACHABLE', `${offers.size} ranges are offered already`);
        const range = { path: source.path, pin: source.pin, offset, bytes, blockBytes };
        const ticket: BulkTicket = bulk.offer(new FileSource(disk, parts.checksum, range, parts.allocate));
        offers.add(ticket.ticket);
        return { from: { node: ticket.node, ticket: ticket.ticket } };
      },
      revokeSource: ({ ticket }) => {
        if (offers.delete(ticket)) bulk.revoke(ticket);
      },
    };
  });
}
