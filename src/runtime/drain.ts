import type { Clock } from '../ports/clock.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Facts } from './facts.ts';

/** What a drain did: its steps, in order, and what missed its limit or failed. */
export interface DrainReport {
  readonly steps: readonly DrainStep[];
}

interface DrainStep {
  readonly step: string;
  readonly tookMs: number;
  /** The step was passed over after its limit. */
  readonly overdue: boolean;
  readonly error?: LoomError;
  /** Actors whose turn, hooks or mailbox took longer than their own limit: they were cut off. */
  readonly overdueActors: readonly string[];
}

export interface DrainPlan {
  readonly step: string;
  readonly work: () => Promise<unknown>;
  /** Called when the step is passed over. */
  readonly passedOver?: () => void;
}

/** Goes through the steps, each bounded by `stepMs`: what misses its limit is named and passed over. */
export async function drain(
  plan: readonly DrainPlan[],
  stepMs: number,
  clock: Clock,
  facts: Facts,
): Promise<DrainReport> {
  const steps: DrainStep[] = [];
  for (const { step, work, passedOver } of plan) {
    const startMs = clock.monotonicMs();
    const overdueActors: string[] = [];
    const off = facts.listen((fact) => {
      if (fact.type === 'stop-overdue') overdueActors.push(fact.actor);
    });
    facts.emit({ type: 'drain-step', step, state: 'begun' });
    const end = await bounded(work(), stepMs, clock);
    off();
    if (end === 'overdue') passedOver?.();
    facts.emit({ type: 'drain-step', step, state: end === 'overdue' ? 'overdue' : 'done' });
    steps.push({
      step,
      tookMs: clock.monotonicMs() - startMs,
      overdue: end === 'overdue',
      ...(end instanceof LoomError ? { error: end } : {}),
      overdueActors,
    });
  }
  return { steps };
}

function bounded(
  work: Promise<unknown>,
  limitMs: number,
  clock: Clock,
): Promise<'done' | 'overdue' | LoomError> {
  return new Promise((resolve) => {
    const timer = clock.after(limitMs, () => resolve('overdue'));
    const settle = (end: 'done' | LoomError): void => {
      timer.cancel();
      resolve(end);
    };
    work.then(
      () => settle('done'),
      (error: unknown) => settle(LoomError.from(error)),
    );
  });
}
