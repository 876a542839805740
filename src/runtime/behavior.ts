import type { TimerHandle } from '../ports/clock.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { ActorRef } from './actor-ref.ts';
import type { AskClient, AttemptClient, SubscribeClient, TellClient } from './client.ts';
import type { InputOf, ItemOf, Protocol, ReplyOf } from './definition.ts';
import type { Feed } from './feed.ts';
import type { MailboxOptions } from './mailbox.ts';
import type {
  BackoffOptions,
  FailureDirective,
  RestartOptions,
  RestartType,
  SupervisionOptions,
} from './supervision.ts';
import type { Deferred, Turn } from './turn.ts';
import type { Terminated } from './watch.ts';

/** A handler for each message of the protocol; the compiler refuses a missing one. */
export type Handlers<P extends Protocol> = {
  readonly [K in keyof P['messages']]: Handler<P['messages'][K]>;
};

export type Handler<D> = D extends { readonly kind: 'request' }
  ? (
      message: InputOf<D>,
      turn: Turn<ReplyOf<D>>,
    ) => ReplyOf<D> | Deferred<ReplyOf<D>> | Promise<ReplyOf<D> | Deferred<ReplyOf<D>>>
  : D extends { readonly kind: 'subscription' }
    ? (message: InputOf<D>, feed: Feed<ItemOf<D>>, turn: Turn<never>) => void | Promise<void>
    : (message: InputOf<D>, turn: Turn<never>) => void | Promise<void>;

export type Setup<P extends Protocol> = (context: ActorContext<P>) => Handlers<P> | Promise<Handlers<P>>;

/** How a child is started; its behaviour says the rest. */
export interface SpawnOptions {
  /** Unique among its siblings, without `/`; unnamed children get a number. */
  readonly name?: string;
  /** What its failures lead to; default `restart`. */
  readonly onFailure?: FailureDirective;
}

/** A reference bound to the turn: what is posted through it carries the turn's deadline, trace and call chain. */
export interface BoundRef<P extends Protocol> {
  readonly tell: TellClient<P>;
  readonly ask: AskClient<P>;
  readonly attempt: AttemptClient<P>;
  readonly subscribe: SubscribeClient<P>;
}

export type Settled<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: unknown };

/**
 * What an actor may do, for one incarnation: after a stop, restart or lost lease every call throws STALE_INCARNATION.
 * Callbacks given to it (`pipe`, `watch`, `after`, `every`) run between turns and must do no more than tell: they are
 * handed the actor's own tell client for that.
 */
export interface ActorContext<P extends Protocol> {
  readonly self: ActorRef<P>;
  readonly node: string;
  readonly incarnation: number;
  monotonicMs(): number;
  /** Binds a reference to the present turn. Asks made through it end with the incarnation. */
  to<Q extends Protocol>(ref: ActorRef<Q>): BoundRef<Q>;
  /** Binds a reference to the incarnation alone: for work that runs outside the turn, under `pipe`. */
  aside<Q extends Protocol>(ref: ActorRef<Q>): BoundRef<Q>;
  spawn<Q extends Protocol>(behavior: Behavior<Q>, options?: SpawnOptions): ActorRef<Q>;
  /** Stops a child after its running turn; resolves when it has stopped. */
  stopChild(ref: ActorRef): Promise<void>;
  /** Stops this actor after this turn. */
  stop(): void;
  watch(ref: ActorRef, toMessage: (terminated: Terminated, self: TellClient<P>) => void): () => void;
  /** Runs a promise outside the turn and turns its end into a message to this actor. */
  pipe<T>(promise: Promise<T>, toMessage: (settled: Settled<T>, self: TellClient<P>) => void): void;
  after(delayMs: number, toMessage: (self: TellClient<P>) => void): TimerHandle;
  every(periodMs: number, toMessage: (self: TellClient<P>) => void): TimerHandle;
  /** Puts the present message aside; STASH_FULL when the stash has no room. */
  stash(): void;
  /** Puts all stashed messages back in front of the mailbox, in their order. */
  unstash(): void;
  /** A port that works for this incarnation only: later calls and late answers are STALE_INCARNATION, handles close. */
  port<T extends object>(port: T): T;
  /** Runs at a stop or restart, after the children have stopped; not at a kill. Bounded by `stopMs`. */
  onStop(hook: () => void | Promise<void>): void;
}

export interface Behavior<P extends Protocol = Protocol> {
  readonly protocol: P;
  readonly setup: Setup<P>;
  readonly options: BehaviorOptions;
}

export interface BehaviorOptions {
  readonly mailbox: MailboxOptions;
  readonly restart: RestartOptions;
  /** How this actor supervises its own children. */
  readonly supervise: SupervisionOptions;
  /** Messages that `ctx.stash` may hold; default 128. */
  readonly stashCapacity: number;
  /** Turns in one activation before other actors get theirs; default 64. */
  readonly turnsPerActivation: number;
  /** How long an asynchronous setup may take; default 30,000. */
  readonly startMs: number;
  /** How long a stop (its hooks, its running turn, each child in turn) may take before it becomes a kill; default 5,000. */
  readonly stopMs: number;
}

export interface BehaviorSettings {
  readonly mailbox?: Partial<MailboxOptions>;
  readonly restart?: { readonly type?: RestartType; readonly backoff?: Partial<BackoffOptions> };
  readonly supervise?: Partial<SupervisionOptions>;
  readonly stashCapacity?: number;
  readonly turnsPerActivation?: number;
  readonly startMs?: number;
  readonly stopMs?: number;
}

/** Defines a behaviour; its options are resolved once and frozen. INVALID_DEFINITION names an option out of range. */
export function behavior<P extends Protocol>(
  protocol: P,
  setup: Setup<P>,
  settings: BehaviorSettings = {},
): Behavior<P> {
  const options: BehaviorOptions = {
    mailbox: Object.freeze({ capacity: 1024, overflow: 'reject', ...settings.mailbox }),
    restart: Object.freeze({
      type: settings.restart?.type ?? 'transient',
      backoff: Object.freeze({
        minMs: 10,
        maxMs: 10_000,
        factor: 2,
        jitter: 0.2,
        ...settings.restart?.backoff,
      }),
    }),
    supervise: Object.freeze({
      strategy: 'one-for-one',
      maxRestarts: 5,
      withinMs: 30_000,
      ...settings.supervise,
    }),
    stashCapacity: settings.stashCapacity ?? 128,
    turnsPerActivation: settings.turnsPerActivation ?? 64,
    startMs: settings.startMs ?? 30_000,
    stopMs: settings.stopMs ?? 5_000,
  };
  const { backoff } = options.restart;
  inRange('mailbox.capacity', options.mailbox.capacity, 1, 1_000_000);
  inRange('stashCapacity', options.stashCapacity, 0, 1_000_000);
  inRange('turnsPerActivation', options.turnsPerActivation, 1, 4096);
  inRange('startMs', options.startMs, 1, 3_600_000);
  inRange('stopMs', options.stopMs, 1, 3_600_000);
  inRange('supervise.maxRestarts', options.supervise.maxRestarts, 0, 1000);
  inRange('supervise.withinMs', options.supervise.withinMs, 1, 86_400_000);
  inRange('restart.backoff.minMs', backoff.minMs, 0, 3_600_000);
  inRange('restart.backoff.maxMs', backoff.maxMs, backoff.minMs, 86_400_000);
  inRange('restart.backoff.factor', backoff.factor, 1, 100);
  inRange('restart.backoff.jitter', backoff.jitter, 0, 1);
  return Object.freeze({ protocol, setup, options: Object.freeze(options) });
}

function inRange(option: string, value: number, least: number, most: number): void {
  if (value >= least && value <= most) return;
  throw new LoomError('INVALID_DEFINITION', `${option} is ${value}; it may be ${least} to ${most}`, {
    details: { option },
  });
}
