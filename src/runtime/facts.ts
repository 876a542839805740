import type { ErrorCode } from '../ports/error-table.ts';
import type { FinalState } from './ledger.ts';
import type { TraceContext } from './trace-context.ts';

/**
 * What the engine tells the world: typed events, of which logs, metrics and traces are made by listeners. The engine
 * knows no logger. A listener that throws is taken off and reported as a fact to the others.
 */
export type Fact =
  | { readonly type: 'actor-started'; readonly actor: string; readonly incarnation: number }
  | {
      readonly type: 'actor-failed';
      readonly actor: string;
      readonly incarnation: number;
      readonly error: unknown;
      readonly message: string | undefined;
      readonly trace: TraceContext | undefined;
    }
  | {
      readonly type: 'actor-restarting';
      readonly actor: string;
      readonly incarnation: number;
      readonly delayMs: number;
    }
  | {
      readonly type: 'actor-stopped';
      readonly actor: string;
      readonly incarnation: number;
      readonly reason: string;
    }
  | { readonly type: 'actor-escalated'; readonly actor: string; readonly error: unknown }
  | { readonly type: 'stop-overdue'; readonly actor: string; readonly limitMs: number }
  | { readonly type: 'dead-letter'; readonly letter: DeadLetter }
  | { readonly type: 'late-reply'; readonly actor: string; readonly message: string }
  | { readonly type: 'node-escalated'; readonly error: unknown }
  | { readonly type: 'internal-error'; readonly where: string; readonly error: unknown }
  | { readonly type: 'listener-failed'; readonly error: unknown }
  | { readonly type: 'link-up'; readonly peer: string }
  | { readonly type: 'link-down'; readonly peer: string; readonly reason: string }
  | { readonly type: 'frame-refused'; readonly peer: string; readonly reason: string }
  | { readonly type: 'member-up'; readonly node: string; readonly epoch: number }
  | { readonly type: 'member-gone'; readonly node: string; readonly epoch: number }
  | { readonly type: 'lease-acquired'; readonly key: string; readonly token: number }
  | { readonly type: 'lease-lost'; readonly key: string; readonly token: number; readonly reason: string }
  | { readonly type: 'lease-released'; readonly key: string; readonly token: number }
  | { readonly type: 'drain-step'; readonly step: string; readonly state: 'begun' | 'done' | 'overdue' };

/** A message that reached no handler, or whose handler failed: why, and where it was meant to go. */
export interface DeadLetter {
  readonly state: FinalState;
  readonly code: ErrorCode;
  readonly target: string;
  readonly protocol: string;
  readonly message: string;
  readonly traceId: string | undefined;
}

export type FactListener = (fact: Fact) => void;

export class Facts {
  readonly #listeners = new Set<FactListener>();

  /** Adds a listener; the answer takes it off. */
  listen(listener: FactListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** False when nobody listens: then frequent facts need not be made. */
  get heard(): boolean {
    return this.#listeners.size > 0;
  }

  emit(fact: Fact): void {
    for (const listener of this.#listeners) {
      try {
        listener(fact);
      } catch (error) {
        this.#listeners.delete(listener);
        this.emit({ type: 'listener-failed', error });
      }
    }
  }
}
