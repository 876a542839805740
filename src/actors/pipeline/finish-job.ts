import type { BulkAttachment } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { Member } from '../../ports/registry.ts';
import type { BoundRef } from '../../runtime/behavior.ts';
import { chunkRange } from './job-plan.ts';
import { storeManifest } from './manifest-object.ts';
import type { ChunkRecord, JobHead, Keeper, Manifest, NameEntry } from './messages.ts';
import { ReplicaPlan } from './replica-plan.ts';

export interface FinishParts {
  readonly node: string;
  readonly bulk: BulkAttachment;
  readonly checksum: Checksum;
  readonly members: readonly Member[];
  readonly keeperOf: (node: string) => BoundRef<typeof Keeper>;
}

/** Makes the manifest of a job whose chunks are all done, stores it with the job's replicas, and answers its entry. */
export async function finishJob(
  head: JobHead,
  records: readonly ChunkRecord[],
  parts: FinishParts,
): Promise<NameEntry & { readonly manifest: string }> {
  const manifest = manifestOf(head, records);
  const worker = parts.members.find(({ node }) => node === parts.node);
  if (worker === undefined) throw new LoomError('NO_OWNER', `${parts.node} is no member`);
  const plan = new ReplicaPlan(head.replicas, head.minClouds);
  const choice = plan.choose(`${head.dataset}/manifest`, 1, worker, parts.members, 0);
  if (choice.kind === 'refused') throw new LoomError(choice.code, choice.detail);
  const { bulk, checksum, keeperOf } = parts;
  const nodes = choice.targets.map((target) => target.node);
  const stored = await storeManifest({ manifest, bulk, checksum, nodes, keeperOf });
  return {
    job: head.id,
    dataset: head.dataset,
    manifest: stored.blake3,
    manifestBytes: stored.bytes,
    manifestNodes: nodes,
    bytes: manifest.bytes,
    chunks: head.chunkCount,
    createdMs: head.createdMs,
  };
}

function manifestOf(head: JobHead, records: readonly ChunkRecord[]): Manifest {
  let bytes = 0;
  const chunks = records.map((record, index) => {
    const { stored } = record;
    if (stored === undefined) throw new LoomError('INTERNAL', `chunk ${index} of ${head.id} is not stored`);
    bytes += stored.storedBytes;
    const range = chunkRange(index, head.bytes, head.chunkBytes);
    const attempts = 1 + record.failures + record.losses;
    return { index, sourceOffset: range.offset, sourceBytes: range.bytes, ...stored, attempts };
  });
  return {
    format: 1,
    dataset: head.dataset,
    name: head.name,
    job: head.id,
    bytes,
    sourceBytes: head.bytes,
    blockBytes: head.blockBytes,
    transform: head.transform,
    source: head.source,
    createdMs: head.createdMs,
    chunks,
  };
}
