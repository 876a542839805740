import type { BulkAttachment } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';
import { eachBounded } from './each-bounded.ts';
import type { AskableKeeper } from './manifest-object.ts';
import type { Manifest } from './messages.ts';
import { pullObject } from './pull-blocks.ts';

interface Replica {
  readonly node: string;
  readonly cloud: string;
}

export interface VerifyDatasetParts {
  readonly manifest: Manifest;
  /** Where the manifest itself is kept: what stands for the replicas of a data set without chunks. */
  readonly manifestObject: { readonly blake3: string; readonly replicas: readonly Replica[] };
  readonly keeperOf: (node: string) => AskableKeeper;
  readonly bulk: BulkAttachment;
  readonly checksum: Checksum;
  readonly signal: AbortSignal;
  /** Replicas that are read again at once; default 8. */
  readonly atOnce?: number;
  /** For one replica; default 120,000. */
  readonly deadlineMs?: number;
}

export interface DatasetVerdict {
  readonly bytes: number;
  readonly chunks: number;
  /** The fewest replicas, and clouds with a replica, that verified for any chunk. */
  readonly replicasMin: number;
  readonly cloudsMin: number;
  /** By chunk, then in the manifest's order. Copies of the manifest of an empty data set count as chunk 0. */
  readonly bad: readonly { readonly chunk: number; readonly node: string; readonly reason: string }[];
}

/** Has every replica of every chunk read again in full. A node that does not answer has no replica that verifies. */
export async function verifyDataset(parts: VerifyDatasetParts): Promise<DatasetVerdict> {
  const { manifest, manifestObject, signal } = parts;
  const checks =
    manifest.chunks.length === 0
      ? [copiesOf(parts, manifestObject)]
      : manifest.chunks.map((chunk) => replicasOf(parts, chunk));
  const pending = checks.flatMap(({ replicas }) => replicas);
  await eachBounded(pending, parts.atOnce ?? 8, async (replica) => {
    if (signal.aborted) throw LoomError.from(signal.reason, 'CANCELLED');
    try {
      replica.reason = await replica.check();
    } catch (thrown) {
      if (signal.aborted) throw LoomError.from(signal.reason, 'CANCELLED');
      replica.reason = LoomError.from(thrown).message;
    }
  });
  const sound = checks.map(({ replicas }) => replicas.filter(({ reason }) => reason === undefined));
  return {
    bytes: manifest.bytes,
    chunks: manifest.chunks.length,
    replicasMin: fewest(sound, ({ node }) => node),
    cloudsMin: fewest(sound, ({ cloud }) => cloud),
    bad: checks.flatMap(({ chunk, replicas }) =>
      replicas.flatMap(({ node, reason }) => (reason === undefined ? [] : [{ chunk, node, reason }])),
    ),
  };
}

/** The fewest different names among the replicas of any chunk. */
function fewest(chunks: readonly (readonly Replica[])[], nameOf: (replica: Replica) => string): number {
  const counts = chunks.map((replicas) => new Set(replicas.map(nameOf)).size);
  return counts.reduce((least, count) => Math.min(least, count));
}

interface ReplicaCheck extends Replica {
  /** Answers why the replica does not verify, or undefined when it does. */
  readonly check: () => Promise<string | undefined>;
  reason: string | undefined;
}

interface ChunkReplicas {
  readonly chunk: number;
  readonly replicas: readonly ReplicaCheck[];
}

function replicasOf(parts: VerifyDatasetParts, chunk: Manifest['chunks'][number]): ChunkReplicas {
  const { manifest, keeperOf, signal, deadlineMs = defaultDeadlineMs } = parts;
  const key = { dataset: manifest.dataset, index: chunk.index, blake3: chunk.blake3 };
  const replicas = chunk.replicas.map((replica) => ({
    ...replica,
    check: async () => {
      const { ok, reason } = await keeperOf(replica.node).ask.verifyChunk(key, { deadlineMs, signal });
      return ok ? undefined : (reason ?? 'it does not verify');
    },
    reason: undefined,
  }));
  return { chunk: chunk.index, replicas };
}

function copiesOf(
  parts: VerifyDatasetParts,
  { blake3, replicas }: VerifyDatasetParts['manifestObject'],
): ChunkReplicas {
  const { keeperOf, bulk, checksum, signal, deadlineMs = defaultDeadlineMs } = parts;
  const copies = replicas.map((replica) => ({
    ...replica,
    check: async () => {
      const offered = await keeperOf(replica.node).ask.offerObject({ blake3 }, { deadlineMs, signal });
      await pullObject(bulk, checksum, { ...offered, blake3 }, signal);
      return undefined;
    },
    reason: undefined,
  }));
  return { chunk: 0, replicas: copies };
}

const defaultDeadlineMs = 120_000;
