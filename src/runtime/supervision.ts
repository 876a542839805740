/**
 * What a supervisor does about a child that ended: a pure function of the spec, the history and now, in the words of
 * Erlang/OTP's supervisor (erlang.org, system documentation, "sup_princ").
 *
 * S1. A permanent child is restarted whenever it ends, a transient one when it fails, a temporary one never.
 * S2. More than `maxRestarts` restarts within `withinMs` escalate: the supervisor itself fails.
 * S3. The delay before a child's n-th restart in the window grows exponentially up to `maxMs`, with jitter. Restarts of
 *     other children count towards S2, not towards the delay.
 */
export type RestartType = 'permanent' | 'transient' | 'temporary';
export type Strategy = 'one-for-one' | 'all-for-one' | 'rest-for-one';
/** What a failure leads to before S1-S3 are applied; `restart` by default. */
export type FailureDirective = 'resume' | 'restart' | 'stop' | 'escalate';

export interface BackoffOptions {
  /** Delay before the first restart in a window, 0 or more; default 10. */
  readonly minMs: number;
  /** Default 10,000. */
  readonly maxMs: number;
  /** Default 2. */
  readonly factor: number;
  /** Share of the delay that is random, 0 to 1; default 0.2. */
  readonly jitter: number;
}

export interface RestartOptions {
  readonly type: RestartType;
  readonly backoff: BackoffOptions;
}

export interface SupervisionOptions {
  readonly strategy: Strategy;
  /** Restarts allowed within `withinMs`; default 5. */
  readonly maxRestarts: number;
  /** Default 30,000. */
  readonly withinMs: number;
}

export interface RestartRecord {
  readonly child: string | number;
  readonly timeMs: number;
}

export type ChildEnd =
  | { readonly kind: 'failed'; readonly directive: FailureDirective }
  | { readonly kind: 'stopped' };

export interface SupervisionInput {
  readonly end: ChildEnd;
  readonly restart: RestartOptions;
  readonly supervision: SupervisionOptions;
  /** Which of the supervisor's children ended. */
  readonly child: string | number;
  /** This supervisor's earlier restarts, oldest first. */
  readonly history: readonly RestartRecord[];
  readonly nowMs: number;
  /** A number in [0, 1) for jitter. */
  readonly random: number;
}

export type SupervisionDecision =
  | { readonly kind: 'resume' }
  | {
      readonly kind: 'restart';
      readonly scope: 'child' | 'all' | 'rest';
      readonly delayMs: number;
      readonly history: readonly RestartRecord[];
    }
  | { readonly kind: 'stop' }
  | { readonly kind: 'escalate' };

export function decide(input: SupervisionInput): SupervisionDecision {
  const { end, restart, supervision, nowMs } = input;
  if (end.kind === 'failed' && end.directive !== 'restart') return { kind: end.directive };
  const wanted = restart.type === 'permanent' || (restart.type === 'transient' && end.kind === 'failed');
  if (!wanted) return { kind: 'stop' };
  const recent = input.history.filter(({ timeMs }) => nowMs - timeMs < supervision.withinMs);
  if (recent.length >= supervision.maxRestarts) return { kind: 'escalate' };
  const earlier = recent.filter(({ child }) => child === input.child).length;
  return {
    kind: 'restart',
    scope: scopeOf(supervision.strategy),
    delayMs: backoffMs(restart.backoff, earlier, input.random),
    history: [...recent, { child: input.child, timeMs: nowMs }],
  };
}

/** The delay before a restart when `earlier` restarts stand in the window. */
export function backoffMs(backoff: BackoffOptions, earlier: number, random: number): number {
  const full = Math.min(backoff.maxMs, backoff.minMs * backoff.factor ** Math.min(earlier, 64));
  return full * (1 - backoff.jitter * random);
}

function scopeOf(strategy: Strategy): 'child' | 'all' | 'rest' {
  switch (strategy) {
    case 'one-for-one':
      return 'child';
    case 'all-for-one':
      return 'all';
    case 'rest-for-one':
      return 'rest';
  }
}
