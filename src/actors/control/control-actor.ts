import type { Clock } from '../../ports/clock.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { ActorRef } from '../../runtime/actor-ref.ts';
import { type Behavior, behavior, type Settled } from '../../runtime/behavior.ts';
import type { Deferred, Turn } from '../../runtime/turn.ts';
import type { IngestOrder, Ingestor, Job } from '../pipeline/messages.ts';
import { followJob } from './follow-job.ts';
import {
  type ClusterStatus,
  Control,
  type DatasetEntry,
  type DatasetPiece,
  type IngestReceipt,
  type RegistryListing,
  type VerifyReport,
} from './messages.ts';
import { pump } from './pump.ts';

/** What the cluster lets its control actor see and do. */
export interface ControlParts {
  readonly clock: Clock;
  readonly status: () => ClusterStatus;
  readonly registry: () => RegistryListing;
  /** The ingestor of a node that is up; NODE_UNREACHABLE when none is. */
  readonly ingestor: () => ActorRef<typeof Ingestor>;
  readonly job: (id: string) => ActorRef<typeof Job>;
  readonly list: () => Promise<readonly DatasetEntry[]>;
  readonly read: (name: string, signal: AbortSignal) => AsyncIterable<DatasetPiece>;
  readonly verify: (name: string, signal: AbortSignal) => Promise<VerifyReport>;
}

const lookEveryMs = 500;

/**
 * What the command line talks to. It keeps nothing: each request is passed to the actors that know, outside of the
 * turn, so that a long one (a verification, a read) holds up no other.
 */
export function controlActor(parts: ControlParts): Behavior<typeof Control> {
  return behavior(Control, (ctx) => {
    /** Answers when `work` has ended. */
    function later<T>(turn: Turn<T>, work: Promise<T>): Deferred<T> {
      const reply = turn.defer();
      ctx.pipe(work, (settled) => give(reply, settled));
      return reply;
    }

    /** The same for work that may be long: it is told to stop when nobody waits for it any more. */
    function wanted<T>(turn: Turn<T>, work: (signal: AbortSignal) => Promise<T>): Deferred<T> {
      const reply = turn.defer();
      const unwanted = new AbortController();
      const watch = ctx.every(lookEveryMs, () => {
        if (!reply.wanted) unwanted.abort(new LoomError('CANCELLED', 'nobody waits for the answer any more'));
      });
      ctx.pipe(work(unwanted.signal), (settled) => {
        watch.cancel();
        give(reply, settled);
      });
      return reply;
    }

    async function datasets(): Promise<{ datasets: DatasetEntry[] }> {
      return { datasets: [...(await parts.list())] };
    }

    async function ingest(order: IngestOrder, deadlineMs: number): Promise<IngestReceipt> {
      return parts.ingestor().ask.ingest(order, { deadlineMs });
    }

    return {
      status: () => parts.status(),
      registry: () => parts.registry(),
      ingest: (order, turn) => later(turn, ingest(order, turn.remainingMs)),
      progress: ({ job }, feed) => {
        ctx.pipe(
          pump((signal) => followJob(() => parts.job(job), parts.clock, signal), feed),
          () => undefined,
        );
      },
      list: (_message, turn) => later(turn, datasets()),
      read: ({ name }, feed) => {
        ctx.pipe(
          pump((signal) => parts.read(name, signal), feed),
          () => undefined,
        );
      },
      verify: ({ name }, turn) => wanted(turn, (signal) => parts.verify(name, signal)),
    };
  });
}

function give<T>(reply: Deferred<T>, settled: Settled<T>): void {
  if (settled.ok) reply.resolve(settled.value);
  else reply.reject(settled.error);
}
