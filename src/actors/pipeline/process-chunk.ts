import type { BulkAttachment } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { BoundRef } from '../../runtime/behavior.ts';
import type { FailureKind, Ingestor, Keeper, StoredChunk, Work } from './messages.ts';
import { Replication, TargetFailed } from './replicate-chunk.ts';
import { VerifyTransform } from './transforms/verify.ts';

export interface ProcessParts {
  readonly node: string;
  readonly work: Work;
  readonly bulk: BulkAttachment;
  readonly checksum: Checksum;
  readonly ingestorOf: (node: string) => BoundRef<typeof Ingestor>;
  readonly keeperOf: (node: string) => BoundRef<typeof Keeper>;
  readonly monotonicMs: () => number;
  readonly signal: AbortSignal;
}

/** The longest that one message of a try may take; a lost lease ends the try much earlier. */
const stepMs = 120_000;

/** process_chunks: pulls one chunk from its source, checks it, and stores its copies, block by block. */
export async function processChunk(parts: ProcessParts): Promise<StoredChunk> {
  const { node, work, bulk, checksum, signal } = parts;
  const { chunk, source } = work;
  const ingestor = parts.ingestorOf(source.node);
  const startMs = parts.monotonicMs();
  const { sourceOffset: offset, sourceBytes: bytes, blockBytes, job } = chunk;
  const range = { job, source, offset, bytes, blockBytes };
  const offered = await fromSource(ingestor.ask.offerSource(range, { deadlineMs: stepMs }));
  const replication = new Replication({
    node,
    work,
    bulk,
    keeperOf: parts.keeperOf,
    signal,
    deadlineMs: stepMs,
  });
  let failure: LoomError | undefined;
  try {
    const transform = new VerifyTransform(checksum, bytes);
    const iterator = bulk.pull(offered.from, 0, signal)[Symbol.asyncIterator]();
    try {
      for (;;) {
        const next = await fromSource(iterator.next());
        if (next.done === true) break;
        transform.take(next.value);
        await replication.push(next.value);
      }
    } finally {
      await iterator.return?.();
    }
    const { blake3, blocks } = transform.finish();
    const processedMs = parts.monotonicMs();
    const seal = { storedBytes: bytes, blake3, sourceBlake3: blake3, blockCount: blocks };
    const replicas = await replication.commit(seal);
    const storedMs = parts.monotonicMs();
    return {
      ...seal,
      replicas: [...replicas],
      worker: node,
      processMs: processedMs - startMs,
      storeMs: storedMs - processedMs,
    };
  } catch (thrown) {
    failure = LoomError.from(thrown);
    throw thrown;
  } finally {
    ingestor.tell.revokeSource({ ticket: offered.from.ticket });
    await replication.close(failure);
  }
}

/** An error of the source, kept apart from those of the transform and the targets. */
class SourceFailed extends LoomError {
  constructor(cause: LoomError) {
    super(cause.code, cause.message, { cause });
  }
}

async function fromSource<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw new SourceFailed(LoomError.from(thrown));
  }
}

const lostCodes: ReadonlySet<string> = new Set([
  'CANCELLED',
  'STALE_INCARNATION',
  'DEADLINE_EXCEEDED',
  'BULK_PEER_GONE',
  'INTERNAL',
]);

/** What a failed try counts as, and whom to pass over. */
export function judge(thrown: unknown): {
  kind: FailureKind;
  code: string;
  reason: string;
  badNode?: string;
} {
  const error = LoomError.from(thrown);
  const told = { code: error.code, reason: error.message };
  if (error instanceof TargetFailed) return { kind: 'lost', ...told, badNode: error.target };
  if (error instanceof SourceFailed) {
    if (error.code === 'SOURCE_CHANGED' || error.code === 'DISK_NOT_FOUND')
      return { kind: 'source-changed', ...told };
    return { kind: error.code.startsWith('DISK_') ? 'lost' : 'source-unreachable', ...told };
  }
  return { kind: lostCodes.has(error.code) ? 'lost' : 'transform', ...told };
}
