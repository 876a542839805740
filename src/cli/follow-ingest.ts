import type { Control } from '../actors/control/messages.ts';
import type { IngestOrder, JobProgress } from '../actors/pipeline/messages.ts';
import { isErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { ActorRef } from '../runtime/actor-ref.ts';

/** A job that has ended well. */
export interface Ingested {
  readonly job: string;
  readonly bytes: number;
  readonly chunks: number;
}

export interface FollowIngest {
  /** Aborting it leaves the job to itself. */
  readonly signal: AbortSignal;
  /** The job is durable: from here on it needs nobody. */
  readonly taken: (job: string) => void;
  readonly progress: (progress: JobProgress) => void;
}

const orderWithinMs = 30_000;

/**
 * Orders an ingest and follows it until every chunk has all its replicas. Throws what the job failed with, or CANCELLED
 * once `signal` is aborted.
 */
export async function followIngest(
  control: ActorRef<typeof Control>,
  order: IngestOrder,
  { signal, taken, progress }: FollowIngest,
): Promise<Ingested> {
  const { job, bytes, chunks } = await control.ask.ingest(order, { deadlineMs: orderWithinMs, signal });
  taken(job);
  for await (const { item } of control.subscribe.progress({ job }, { signal, credits: 8 })) {
    progress(item);
    if (item.state === 'done') return { job, bytes, chunks };
    if (item.state === 'failed' || item.state === 'cancelled') throw jobFailure(item);
  }
  signal.throwIfAborted();
  throw new LoomError('UNKNOWN_OUTCOME', `the news of job ${job} ended before the job did`);
}

function jobFailure({ job, code, reason, state }: JobProgress): LoomError {
  const known = code !== undefined && isErrorCode(code) ? code : 'INTERNAL';
  return new LoomError(known, reason ?? `the job was ${state}`, { details: { job } });
}
