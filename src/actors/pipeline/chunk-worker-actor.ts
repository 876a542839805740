import type { BulkAttachment } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { ActorRef } from '../../runtime/actor-ref.ts';
import { type ActorContext, type Behavior, behavior } from '../../runtime/behavior.ts';
import { type Ingestor, type Job, type Keeper, type Work, Worker } from './messages.ts';
import { judge, processChunk } from './process-chunk.ts';

export interface WorkerParts {
  readonly node: string;
  readonly cloud: string;
  /** Chunks in hand at once; default 2. Each holds a few blocks. */
  readonly slots?: number;
  readonly bulk: BulkAttachment;
  readonly checksum: Checksum;
  readonly jobOf: (id: string) => ActorRef<typeof Job>;
  readonly keeperOf: (node: string) => ActorRef<typeof Keeper>;
  readonly ingestorOf: (node: string) => ActorRef<typeof Ingestor>;
}

/** How long a coordinator may hold a request for work, and the pause after one that failed. */
const waitMs = 2000;
const pauseMs = 250;

/**
 * ProcessingWorkerPool, one part of it on each node: takes work from all running jobs in turn, one chunk a slot.
 *
 * W1. A slot takes work only under a lease, renews it while it works, and gives the try up when the lease is gone.
 * W2. Each try ends in `complete` or `fail`; when neither can be told, the lease ends by itself and the chunk goes on.
 */
export function chunkWorker(parts: WorkerParts): Behavior<typeof Worker> {
  const slots = parts.slots ?? 2;
  return behavior(Worker, (ctx) => {
    const bulk = ctx.port(parts.bulk);
    const busy = new Set<number>();
    let running: readonly string[] = [];
    let turn = 0;

    function fill(): void {
      if (running.length === 0) return;
      for (let slot = 0; slot < slots; slot++) {
        if (busy.has(slot)) continue;
        busy.add(slot);
        const id = running[turn++ % running.length] as string;
        ctx.pipe(once(ctx, parts, bulk, id), (settled, self) => {
          if (settled.ok && settled.value === 'worked') self.slotFree({ slot });
          else
            ctx.after(settled.ok && settled.value === 'none' ? 0 : pauseMs, (later) =>
              later.slotFree({ slot }),
            );
        });
      }
    }

    return {
      jobs: (message) => {
        running = message.running;
        fill();
      },
      slotFree: ({ slot }) => {
        busy.delete(slot);
        fill();
      },
    };
  });
}

/** Asks one job for work and does it. Rejects only when the job cannot be asked. */
async function once(
  ctx: ActorContext<typeof Worker>,
  parts: WorkerParts,
  bulk: BulkAttachment,
  id: string,
): Promise<'worked' | 'none' | 'over'> {
  const job = ctx.aside(parts.jobOf(id));
  const order = { node: parts.node, cloud: parts.cloud, waitMs };
  const { work, over } = await job.ask.lease(order, { deadlineMs: waitMs + 10_000 });
  if (work === undefined) return over ? 'over' : 'none';
  await tryWork(ctx, parts, bulk, id, work);
  return 'worked';
}

async function tryWork(
  ctx: ActorContext<typeof Worker>,
  parts: WorkerParts,
  bulk: BulkAttachment,
  id: string,
  work: Work,
): Promise<void> {
  const job = ctx.aside(parts.jobOf(id));
  const { token } = work;
  const { index } = work.chunk;
  const given = new AbortController();
  const renewal = ctx.every(work.leaseMs / 3, () => {
    job.ask.renew({ token, index }, { deadlineMs: work.leaseMs }).catch((thrown: unknown) => {
      const error = LoomError.from(thrown);
      if (error.code === 'FENCED' || error.code === 'NO_SUCH_JOB')
        given.abort(new LoomError('CANCELLED', error.message));
    });
  });
  try {
    const stored = await processChunk({
      node: parts.node,
      work,
      bulk,
      checksum: parts.checksum,
      ingestorOf: (node) => ctx.aside(parts.ingestorOf(node)),
      keeperOf: (node) => ctx.aside(parts.keeperOf(node)),
      monotonicMs: () => ctx.monotonicMs(),
      signal: given.signal,
    });
    await job.ask.complete({ token, index, stored });
  } catch (thrown) {
    if (!given.signal.aborted) await job.ask.fail({ token, index, ...judge(thrown) });
  } finally {
    renewal.cancel();
  }
}
