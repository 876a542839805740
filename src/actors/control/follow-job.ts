import type { Clock } from '../../ports/clock.ts';
import type { ErrorCode } from '../../ports/error-table.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { ActorRef } from '../../runtime/actor-ref.ts';
import type { Job, JobProgress, JobState } from '../pipeline/messages.ts';

/** The coordinator moved or starts again: another try will find it. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'ACTOR_STOPPED',
  'BUFFER_FULL',
  'HANDLER_FAILED',
  'LEASE_LOST',
  'LINK_FULL',
  'MAILBOX_FULL',
  'NODE_DRAINING',
  'NODE_LOST',
  'NODE_UNREACHABLE',
  'NO_OWNER',
  'NO_SUCH_ACTOR',
  'PASSIVATED',
  'REGISTRY_UNREACHABLE',
  'STALE_INCARNATION',
  'UNKNOWN_OUTCOME',
]);

const againMs = 200;
const finalStates: ReadonlySet<JobState> = new Set<JobState>(['done', 'failed', 'cancelled']);

/**
 * How a job stands, from now until it has ended, over every change of its coordinator: the last item is of a final
 * state. Ends early when `signal` is aborted; throws what no other try would change (NO_SUCH_JOB).
 */
export async function* followJob(
  job: () => ActorRef<typeof Job>,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<JobProgress, void, void> {
  while (!signal.aborted) {
    try {
      for await (const { item } of job().subscribe.progress({}, { signal })) {
        yield item;
        if (finalStates.has(item.state)) return;
      }
    } catch (thrown) {
      const error = LoomError.from(thrown);
      if (!passing.has(error.code)) throw error;
    }
    await waited(againMs, clock, signal);
  }
}

/** Resolves after `waitMs`, or when the signal is aborted. */
function waited(waitMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', over);
      resolve();
    };
    const timer = clock.after(waitMs, over);
    signal.addEventListener('abort', over, { once: true });
    if (signal.aborted) over();
  });
}
