import type { TimerHandle } from '../ports/clock.ts';
import { LoomError } from '../ports/loom-error.ts';
import { type ActorRef, askClient, attemptClient, subscribeClient, tellClient } from './actor-ref.ts';
import type { ActorContext, Behavior, BoundRef, Settled, SpawnOptions } from './behavior.ts';
import { CancelScope, type CancelSignal, EitherSignal } from './cancel-signal.ts';
import { type Cell, dropClosed, type Incarnation } from './cell.ts';
import type { AskClient, AttemptClient, SubscribeClient, TellClient } from './client.ts';
import type {
  AskOptions,
  CallChain,
  Poster,
  Protocol,
  RequestDefinition,
  SequencedItem,
  SignalDefinition,
  SubscribeOptions,
  SubscriptionDefinition,
  TellOptions,
  TellOutcome,
} from './definition.ts';
import type { AskEnvelope } from './envelope.ts';
import type { Feed } from './feed.ts';
import { PortGuard } from './port-guard.ts';
import type { Terminated } from './watch.ts';

/** What a context asks of the lifecycle. */
export interface LifecycleOfContext {
  spawn(parent: Cell, behavior: Behavior, options: SpawnOptions): Cell;
  stop(cell: Cell, reason: string): Promise<void>;
  stopSelf(cell: Cell): void;
  cellOf(ref: ActorRef): Cell | undefined;
}

/** What few incarnations have, made on first use. */
interface ContextExtra {
  /** What the asks and subscriptions of this incarnation end with. */
  readonly ended: CancelScope;
  readonly timers: Set<TimerHandle>;
  readonly unwatch: Set<() => void>;
  readonly feeds: Set<Feed<unknown>>;
  /** Asks whose replies were taken out of their turns; swept when they have doubled. */
  readonly owed: Set<AskEnvelope>;
  owedAtSweep: number;
  readonly hooks: (() => void | Promise<void>)[];
  readonly guard: PortGuard;
}

/**
 * One incarnation of an actor.
 *
 * I1. After `end`, every method throws STALE_INCARNATION; timers, watches, feeds, asks and ports are gone.
 * I2. A callback given to the context runs only while the incarnation lives.
 */
export class Context<P extends Protocol = Protocol> implements ActorContext<P>, Incarnation {
  readonly incarnation: number;
  readonly #cell: Cell;
  readonly #lifecycle: LifecycleOfContext;
  #ended = false;
  #extra: ContextExtra | undefined = undefined;

  constructor(cell: Cell, lifecycle: LifecycleOfContext) {
    this.#cell = cell;
    this.#lifecycle = lifecycle;
    this.incarnation = cell.incarnation;
  }

  get self(): ActorRef<P> {
    return this.#cell.ref as ActorRef<P>;
  }

  get node(): string {
    return this.#cell.engine.node;
  }

  monotonicMs(): number {
    return this.#cell.monotonicMs();
  }

  to<Q extends Protocol>(ref: ActorRef<Q>): BoundRef<Q> {
    this.#check('to');
    return new Bound(ref, this);
  }

  aside<Q extends Protocol>(ref: ActorRef<Q>): BoundRef<Q> {
    const { ended } = this.#live('aside');
    const boundSignal = (own: CancelSignal | undefined): CancelSignal => {
      this.#check('ask');
      return own === undefined ? ended : new EitherSignal([ended, own]);
    };
    return new Bound(ref, {
      boundSignal,
      boundOptions: (given) => ({ ...given, signal: boundSignal(given?.signal) }),
      boundTellOptions: (given) => {
        this.#check('tell');
        return given;
      },
    });
  }

  spawn<Q extends Protocol>(behavior: Behavior<Q>, options: SpawnOptions = {}): ActorRef<Q> {
    this.#check('spawn');
    return this.#lifecycle.spawn(this.#cell, behavior as unknown as Behavior, options).ref as ActorRef<Q>;
  }

  async stopChild(ref: ActorRef): Promise<void> {
    this.#check('stopChild');
    const child = this.#lifecycle.cellOf(ref);
    if (child?.parent !== this.#cell)
      throw new LoomError('NO_SUCH_ACTOR', `${ref.address} is no child of ${this.self.address}`);
    await this.#lifecycle.stop(child, 'stopped by its parent');
  }

  stop(): void {
    this.#check('stop');
    this.#lifecycle.stopSelf(this.#cell);
  }

  watch(ref: ActorRef, toMessage: (terminated: Terminated, self: TellClient<P>) => void): () => void {
    const { unwatch } = this.#live('watch');
    const off = ref.onTerminated((terminated) => {
      unwatch.delete(off);
      this.#call(() => toMessage(terminated, this.self.tell));
    });
    unwatch.add(off);
    return () => {
      unwatch.delete(off);
      off();
    };
  }

  pipe<T>(promise: Promise<T>, toMessage: (settled: Settled<T>, self: TellClient<P>) => void): void {
    this.#check('pipe');
    promise.then(
      (value) => {
        this.#call(() => toMessage({ ok: true, value }, this.self.tell));
      },
      (error: unknown) => {
        this.#call(() => toMessage({ ok: false, error }, this.self.tell));
      },
    );
  }

  after(delayMs: number, toMessage: (self: TellClient<P>) => void): TimerHandle {
    const { timers } = this.#live('after');
    const inner = this.#cell.engine.clock.after(delayMs, () => {
      timers.delete(handle);
      this.#call(() => toMessage(this.self.tell));
    });
    const handle = {
      cancel(): void {
        timers.delete(handle);
        inner.cancel();
      },
    };
    timers.add(handle);
    return handle;
  }

  every(periodMs: number, toMessage: (self: TellClient<P>) => void): TimerHandle {
    let current: TimerHandle | undefined;
    const again = (): void => {
      current = this.after(periodMs, (self) => {
        again();
        toMessage(self);
      });
    };
    again();
    return {
      cancel(): void {
        current?.cancel();
      },
    };
  }

  stash(): void {
    this.#check('stash');
    const cell = this.#cell;
    const { turn } = cell;
    if (turn === undefined || turn.state !== 'turn') throw new LoomError('INTERNAL', 'stash outside a turn');
    const { stash } = cell.more;
    if (stash.length >= cell.behavior.options.stashCapacity) dropClosed(stash);
    if (stash.length >= cell.behavior.options.stashCapacity) {
      throw new LoomError('STASH_FULL', `${cell.address} holds ${stash.length} stashed messages`);
    }
    turn.state = 'stashed';
    stash.push(turn);
  }

  unstash(): void {
    this.#check('unstash');
    this.#cell.unstash();
  }

  port<T extends object>(port: T): T {
    return this.#live('port').guard.guard(port);
  }

  onStop(hook: () => void | Promise<void>): void {
    this.#live('onStop').hooks.push(hook);
  }

  holdFeed(feed: Feed<unknown>): void {
    const { feeds } = this.#live('subscription');
    for (const held of feeds) if (held.closed) feeds.delete(held);
    feeds.add(feed);
  }

  owe(ask: AskEnvelope): void {
    const extra = this.#live('defer');
    const { owed } = extra;
    owed.add(ask);
    if (owed.size < 2 * extra.owedAtSweep) return;
    for (const held of owed) if (!held.wanted) owed.delete(held);
    extra.owedAtSweep = Math.max(leastSweep, owed.size);
  }

  get awaited(): boolean {
    const extra = this.#extra;
    if (extra === undefined) return false;
    for (const ask of extra.owed) if (ask.wanted) return true;
    for (const feed of extra.feeds) if (!feed.closed) return true;
    return false;
  }

  /** Stop hooks in the reverse order of their registration; one that throws keeps none of the others from running. */
  async runHooks(): Promise<void> {
    for (const hook of (this.#extra?.hooks ?? []).toReversed()) {
      if (this.#ended) return;
      try {
        await hook();
      } catch (error) {
        const where = `stop hook of ${this.#cell.address}`;
        this.#cell.engine.facts.emit({ type: 'internal-error', where, error });
      }
    }
  }

  end(error: LoomError): void {
    if (this.#ended) return;
    this.#ended = true;
    const extra = this.#extra;
    if (extra === undefined) return;
    extra.ended.abort();
    for (const timer of [...extra.timers]) timer.cancel();
    for (const off of extra.unwatch) off();
    for (const feed of extra.feeds) feed.fail(error);
    const unpaid = new LoomError('UNKNOWN_OUTCOME', `${error.message} before it gave a reply that it owed`);
    for (const ask of extra.owed) ask.fail(unpaid);
    extra.guard.revoke();
  }

  /** For asks made through a bound reference: the turn's limits while a turn runs, else the incarnation's. */
  boundOptions(options: AskOptions | undefined): AskOptions {
    const { turn } = this.#cell;
    const chain: CallChain = {
      address: this.#cell.address,
      above: turn?.origin?.chain,
      depth: (turn?.origin?.chain?.depth ?? 0) + 1,
    };
    const signal = this.boundSignal(options?.signal);
    const trace = options?.trace ?? turn?.trace;
    const remainingMs = turn?.remainingMs ?? Number.POSITIVE_INFINITY;
    const deadlineMs = Math.min(options?.deadlineMs ?? this.#cell.engine.defaultDeadlineMs, remainingMs);
    return trace === undefined ? { deadlineMs, signal, chain } : { deadlineMs, signal, chain, trace };
  }

  /** Aborted by what ends the turn, the incarnation, or the caller's own signal. */
  boundSignal(own: CancelSignal | undefined): CancelSignal {
    const { ended } = this.#live('ask');
    const { turn } = this.#cell;
    if (own === undefined && turn === undefined) return ended;
    const sources: CancelSignal[] = [ended];
    if (turn !== undefined) sources.push(turn.scope);
    if (own !== undefined) sources.push(own);
    return new EitherSignal(sources);
  }

  boundTellOptions(options: TellOptions | undefined): TellOptions | undefined {
    this.#check('tell');
    const trace = options?.trace ?? this.#cell.turn?.trace;
    return trace === undefined ? options : { ...options, trace };
  }

  /** Runs a callback between turns; a throw in it is a failure of the actor. */
  #call(callback: () => void): void {
    if (this.#ended) return;
    try {
      callback();
    } catch (error) {
      this.#cell.engine.failed(this.#cell, error, undefined);
    }
  }

  #check(call: string): void {
    if (this.#ended) {
      throw new LoomError(
        'STALE_INCARNATION',
        `${call} in ${this.#cell.address} after incarnation ${this.incarnation}`,
      );
    }
  }

  #live(call: string): ContextExtra {
    this.#check(call);
    this.#extra ??= {
      ended: new CancelScope(),
      timers: new Set(),
      unwatch: new Set(),
      feeds: new Set(),
      owed: new Set(),
      owedAtSweep: leastSweep,
      hooks: [],
      guard: new PortGuard((error) => {
        this.#cell.engine.facts.emit({
          type: 'internal-error',
          where: `${this.#cell.address} closing a handle`,
          error,
        });
      }),
    };
    return this.#extra;
  }
}

const leastSweep = 32;

/** What a bound reference needs of its context. */
interface Binding {
  boundSignal(own: CancelSignal | undefined): CancelSignal;
  boundOptions(options: AskOptions | undefined): AskOptions;
  boundTellOptions(options: TellOptions | undefined): TellOptions | undefined;
}

class Bound<Q extends Protocol> implements BoundRef<Q>, Poster {
  readonly #ref: ActorRef<Q>;
  readonly #context: Binding;

  constructor(ref: ActorRef<Q>, context: Binding) {
    this.#ref = ref;
    this.#context = context;
  }

  get tell(): TellClient<Q> {
    return tellClient(this.#ref.protocol, this);
  }

  get ask(): AskClient<Q> {
    return askClient(this.#ref.protocol, this);
  }

  get attempt(): AttemptClient<Q> {
    return attemptClient(this.#ref.protocol, this);
  }

  get subscribe(): SubscribeClient<Q> {
    return subscribeClient(this.#ref.protocol, this);
  }

  postTell(
    definition: SignalDefinition<unknown>,
    body: unknown,
    options: TellOptions | undefined,
  ): TellOutcome {
    return this.#ref.postTell(definition, body, this.#context.boundTellOptions(options));
  }

  postAsk(
    definition: RequestDefinition<unknown, unknown, never>,
    body: unknown,
    options: AskOptions | undefined,
  ): Promise<unknown> {
    return this.#ref.postAsk(definition, body, this.#context.boundOptions(options));
  }

  postSubscribe(
    definition: SubscriptionDefinition<unknown, unknown>,
    body: unknown,
    options: SubscribeOptions | undefined,
  ): AsyncIterable<SequencedItem<unknown>> {
    const signal = this.#context.boundSignal(options?.signal);
    return this.#ref.postSubscribe(definition, body, { ...options, signal });
  }
}
