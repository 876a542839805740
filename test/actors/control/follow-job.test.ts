import { expect, test } from 'vitest';
import { followJob } from '../../../src/actors/control/follow-job.ts';
import type { Job, JobProgress, JobState } from '../../../src/actors/pipeline/messages.ts';
import type { Clock } from '../../../src/ports/clock.ts';
import type { ErrorCode } from '../../../src/ports/error-table.ts';
import { LoomError } from '../../../src/ports/loom-error.ts';
import type { ActorRef } from '../../../src/runtime/actor-ref.ts';

/** What one coordinator says before it ends in good order, or fails. */
interface Telling {
  readonly states: readonly JobState[];
  readonly failure?: ErrorCode;
}

function progress(state: JobState): JobProgress {
  const none = { bytes: 0, bytesDone: 0, chunks: 0, chunksDone: 0, chunksLeased: 0, retries: 0 };
  return { job: 'j1', name: 'n', state, ...none };
}

/** References to one coordinator after the other. */
function coordinators(tellings: readonly Telling[]): () => ActorRef<typeof Job> {
  let next = 0;
  return () => {
    const telling = tellings[next++];
    if (telling === undefined) throw new LoomError('NO_SUCH_JOB', 'nobody is left');
    const subscribe = {
      progress: async function* () {
        for (const [sequence, state] of telling.states.entries()) yield { sequence, item: progress(state) };
        if (telling.failure !== undefined) throw new LoomError(telling.failure, 'ended');
      },
    };
    return { subscribe } as unknown as ActorRef<typeof Job>;
  };
}

/** A clock whose timers are due at once, and counted. */
function impatientClock(): { readonly clock: Clock; readonly waits: number[] } {
  const waits: number[] = [];
  const after: Clock['after'] = (delayMs, run) => {
    waits.push(delayMs);
    const timer = setImmediate(run);
    return { cancel: () => clearImmediate(timer) };
  };
  return { clock: { after } as Clock, waits };
}

async function follow(tellings: readonly Telling[]): Promise<{ states: JobState[]; waits: number[] }> {
  const { clock, waits } = impatientClock();
  const states: JobState[] = [];
  for await (const { state } of followJob(coordinators(tellings), clock, new AbortController().signal)) {
    states.push(state);
  }
  return { states, waits };
}

test('ends with the final state, whatever the coordinator says after it', async () => {
  expect(await follow([{ states: ['running', 'done', 'running'] }])).toEqual({
    states: ['running', 'done'],
    waits: [],
  });
});

test('goes on over coordinators that are lost, move, or end their news early', async () => {
  const { states, waits } = await follow([
    { states: ['running'], failure: 'NODE_LOST' },
    { states: [], failure: 'NO_OWNER' },
    { states: ['paused'] },
    { states: ['failed'] },
  ]);
  expect(states).toEqual(['running', 'paused', 'failed']);
  expect(waits.length).toBe(3);
});

test('does not go on over what no other try would change', async () => {
  await expect(follow([{ states: ['running'], failure: 'NO_SUCH_JOB' }])).rejects.toMatchObject({
    code: 'NO_SUCH_JOB',
  });
});

test('ends when nobody listens any more, also in a wait', async () => {
  const stop = new AbortController();
  const clock = { after: () => ({ cancel: () => undefined }) } as unknown as Clock;
  const following = followJob(coordinators([{ states: [], failure: 'NO_OWNER' }]), clock, stop.signal);
  const next = following.next();
  await new Promise(setImmediate);
  stop.abort();
  expect(await next).toEqual({ done: true, value: undefined });
});
