import type { Clock } from '../ports/clock.ts';
import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Random } from '../ports/random.ts';
import type { ActorRef } from './actor-ref.ts';
import type { Behavior } from './behavior.ts';
import type { TellOutcome } from './definition.ts';
import {
  AskEnvelope,
  closesCycle,
  closingError,
  DeferredReply,
  type Envelope,
  type EnvelopeHost,
  SubscribeEnvelope,
  type TimedEnvelope,
} from './envelope.ts';
import type { DeadLetter, Facts } from './facts.ts';
import type { Feed } from './feed.ts';
import type { FinalState, Ledger } from './ledger.ts';
import { Mailbox } from './mailbox.ts';
import type { MessageGuard } from './message-guard.ts';
import type { Runnable, Scheduler } from './scheduler.ts';
import type { FailureDirective, RestartRecord } from './supervision.ts';
import type { TimerWheel } from './timer-wheel.ts';
import type { TurnWaits } from './turn-wait.ts';
import type { Terminated } from './watch.ts';

/** What a cell needs of its node. */
export interface Engine {
  readonly node: string;
  readonly epoch: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly wheel: TimerWheel;
  readonly scheduler: Scheduler;
  readonly turnWaits: TurnWaits<Incarnation>;
  readonly ledger: Ledger;
  readonly facts: Facts;
  readonly guard: MessageGuard | undefined;
  /** The deadline of asks that name none. */
  readonly defaultDeadlineMs: number;
  /** Books a final state that is not `handled`, keeps a dead letter, and tells the sender; once a message. */
  close(envelope: Envelope, state: FinalState, code: ErrorCode, target: string, cause?: unknown): void;
  /** Keeps a dead letter whose state another book holds (or just booked). */
  record(letter: DeadLetter): void;
  failed(cell: Cell, error: unknown, envelope: Envelope | undefined): void;
}

/** One run of an actor between a start and a restart or stop, as its cell sees it. */
export interface Incarnation {
  /** Fails the feed when the incarnation ends. */
  holdFeed(feed: Feed<unknown>): void;
  /** Fails an ask whose reply was taken out of its turn when the incarnation ends without having given it. */
  owe(ask: AskEnvelope): void;
  /** Somebody waits for it: for a reply that it owes, or for items of a feed. */
  readonly awaited: boolean;
  runHooks(): Promise<void>;
  /** Revokes everything that the incarnation was given. */
  end(error: LoomError): void;
}

/**
 * An actor's life. Messages are taken in every phase but `stopped` (and `stopping`, unless it drains its mailbox);
 * turns run only while `running` or draining.
 */
export type Life =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running' }
  | { readonly kind: 'restarting' }
  | { readonly kind: 'draining' }
  | { readonly kind: 'stopping'; readonly reason: string }
  | { readonly kind: 'stopped'; readonly reason: string };

export const running: Life = Object.freeze({ kind: 'running' });

/** What few actors have: made on first use, so that a plain actor stays small. */
export interface CellExtra {
  readonly children: Map<string | number, Cell>;
  restartHistory: readonly RestartRecord[];
  readonly stash: Envelope[];
  readonly watchers: Set<(terminated: Terminated) => void>;
  readonly blockedAsks: AskEnvelope[];
  readonly turnOver: (() => void)[];
  /** The end of an incarnation that is under way or done: it is gone through once, whoever asks for it. */
  ending: { readonly context: Incarnation | undefined; readonly over: Promise<void> } | undefined;
  stopped: Promise<void> | undefined;
  /** The turn that was cut off while its handler ran on: what it answers is late. */
  cut: { readonly context: Incarnation | undefined; readonly turn: Envelope } | undefined;
  /** Messages that were given up in the mailbox since it was last swept. */
  givenUp: number;
}

/**
 * The engine's record of one actor.
 *
 * E1. One turn at a time: the next message waits until the handler's promise settles.
 * E2. Every message that `offer` is given is booked once: here, or by the turn that handles it.
 * E3. What an ended incarnation still does (a late settlement) changes nothing here.
 */
export class Cell implements EnvelopeHost, Runnable {
  readonly engine: Engine;
  readonly uid: number;
  readonly key: string | number;
  readonly parent: Cell | undefined;
  readonly behavior: Behavior;
  readonly directive: FailureDirective;
  readonly mailbox: Mailbox = new Mailbox();
  life: Life = { kind: 'starting' };
  incarnation = 0;
  context: Incarnation | undefined = undefined;
  handlers: Readonly<Record<string, unknown>> | undefined = undefined;
  turn: Envelope | undefined = undefined;
  nextReady: Runnable | undefined = undefined;
  extra: CellExtra | undefined = undefined;
  ref: ActorRef | undefined = undefined;
  #scheduled = false;

  constructor(
    engine: Engine,
    uid: number,
    key: string | number,
    parent: Cell | undefined,
    behavior: Behavior,
    directive: FailureDirective,
  ) {
    this.engine = engine;
    this.uid = uid;
    this.key = key;
    this.parent = parent;
    this.behavior = behavior;
    this.directive = directive;
  }

  /** Names of the ancestors and of this actor, joined by `/`; an unnamed one is `$` and its number. */
  get path(): string {
    const own = typeof this.key === 'number' ? `$${this.key}` : this.key;
    return this.parent === undefined || this.parent.parent === undefined ? own : `${this.parent.path}/${own}`;
  }

  get address(): string {
    return `${this.engine.node}/${this.path}`;
  }

  get more(): CellExtra {
    this.extra ??= {
      children: new Map(),
      restartHistory: [],
      stash: [],
      watchers: new Set(),
      blockedAsks: [],
      turnOver: [],
      ending: undefined,
      stopped: undefined,
      cut: undefined,
      givenUp: 0,
    };
    return this.extra;
  }

  terminated(): Terminated {
    const reason =
      this.life.kind === 'stopped' || this.life.kind === 'stopping' ? this.life.reason : this.life.kind;
    return { address: this.address, epoch: this.engine.epoch, incarnation: this.incarnation, reason };
  }

  /** Tells one watcher of the end; one that throws keeps nobody else from hearing of it. */
  tellWatcher(watcher: (terminated: Terminated) => void): void {
    try {
      watcher(this.terminated());
    } catch (error) {
      this.engine.facts.emit({ type: 'internal-error', where: `watcher of ${this.address}`, error });
    }
  }

  monotonicMs(): number {
    return this.engine.clock.monotonicMs();
  }

  get runnable(): boolean {
    const kind = this.life.kind;
    return this.turn === undefined && this.mailbox.count > 0 && (kind === 'running' || kind === 'draining');
  }

  /** Takes a message or says why not; books it when it does not take it (E2). */
  offer(envelope: Envelope): TellOutcome {
    const kind = this.life.kind;
    if (kind === 'stopped' || kind === 'stopping' || kind === 'draining') {
      this.close(envelope, 'deadLettered', kind === 'stopped' ? 'NO_SUCH_ACTOR' : 'ACTOR_STOPPED');
      return 'gone';
    }
    if (envelope.origin !== undefined && closesCycle(envelope.origin.chain, this.address)) {
      this.close(envelope, 'refused', 'CALL_CYCLE');
      return 'full';
    }
    if (this.#isFull && !this.#sweep() && !this.#makeRoom(envelope)) {
      return envelope.state === 'waiting' ? 'accepted' : 'full';
    }
    envelope.state = 'queued';
    envelope.host = this;
    this.mailbox.push(envelope);
    if (!this.#scheduled && this.turn === undefined && kind === 'running') this.schedule();
    return 'accepted';
  }

  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.engine.scheduler.ready(this);
  }

  activate(): number {
    this.#scheduled = false;
    const most = this.behavior.options.turnsPerActivation;
    let turns = 0;
    while (
      turns < most &&
      this.turn === undefined &&
      (this.life === running || this.life.kind === 'draining')
    ) {
      const envelope = this.mailbox.shift();
      if (envelope === undefined) break;
      if (this.extra !== undefined && this.extra.blockedAsks.length > 0) this.#admitBlocked();
      if (envelope.state !== 'queued') continue;
      turns++;
      this.#begin(envelope);
      if (turns % turnsPerTimeCheck === 0 && this.engine.scheduler.overTime) break;
    }
    if (this.life.kind === 'draining' && this.turn === undefined) this.tellTurnOver();
    if (this.runnable) this.schedule();
    return turns;
  }

  #begin(envelope: Envelope): void {
    envelope.state = 'turn';
    this.turn = envelope;
    const context = this.context as Incarnation;
    let result: unknown;
    try {
      const handlers = this.handlers as Record<string, (body: unknown, ...rest: unknown[]) => unknown>;
      const handler = handlers[envelope.definition.name] as (body: unknown, ...rest: unknown[]) => unknown;
      if (envelope instanceof SubscribeEnvelope) {
        context.holdFeed(envelope.feed);
        result = handler(envelope.body, envelope.feed, envelope);
      } else {
        result = handler(envelope.body, envelope);
      }
    } catch (thrown) {
      this.turnFailed(envelope, thrown);
      return;
    }
    if (result instanceof Promise) this.engine.turnWaits.wait(this, context, result);
    else this.turnCompleted(envelope, result);
  }

  /** The running turn's promise settled; `context` is the incarnation that began it (E3). */
  settled(context: Incarnation, failed: boolean, value: unknown): void {
    const envelope = this.turn;
    if (context !== this.context || envelope === undefined) {
      const cut = this.extra?.cut;
      if (!failed && cut?.context === context && cut.turn instanceof AskEnvelope) this.#late(cut.turn);
      return;
    }
    if (failed) this.turnFailed(envelope, value);
    else this.turnCompleted(envelope, value);
    if (this.runnable) this.schedule();
  }

  /** Puts what was stashed, and still waits, back in front. */
  unstash(): void {
    if (this.extra === undefined) return;
    const back = this.extra.stash.splice(0).filter((envelope) => envelope.state === 'stashed');
    for (const envelope of back) envelope.state = 'queued';
    this.mailbox.unshiftAll(back);
  }

  turnCompleted(envelope: Envelope, result: unknown): void {
    this.turn = undefined;
    this.engine.guard?.verify(envelope, this.address);
    if (envelope.state === 'turn') {
      this.#bookHandled(envelope);
      if (envelope instanceof AskEnvelope) {
        if (result instanceof DeferredReply) this.#owe(envelope, result);
        else this.#reply(envelope, result);
      }
    }
    if (this.extra !== undefined) this.tellTurnOver();
  }

  turnFailed(envelope: Envelope, thrown: unknown): void {
    this.turn = undefined;
    this.engine.guard?.verify(envelope, this.address);
    const definition = envelope.definition;
    if (envelope.abortReason !== undefined && isAbort(thrown, envelope)) {
      this.close(envelope, 'expired', envelope.abortReason.code);
    } else if (
      thrown instanceof LoomError &&
      definition.kind === 'request' &&
      (definition.errors as readonly string[]).includes(thrown.code)
    ) {
      if (envelope.state !== 'closed') this.#bookHandled(envelope);
      if (envelope instanceof AskEnvelope && !envelope.fail(thrown)) this.#late(envelope);
    } else {
      this.close(envelope, 'failed', 'HANDLER_FAILED', thrown);
      this.engine.failed(this, thrown, envelope);
    }
    if (this.extra !== undefined) this.tellTurnOver();
  }

  /** Books a final state that is not `handled` and tells the sender. Does nothing to a closed message. */
  close(envelope: Envelope, state: FinalState, code: ErrorCode, cause?: unknown): void {
    this.engine.close(envelope, state, code, this.address, cause);
  }

  /** A turn is told by its signal, as is the work for a reply that is still owed; a waiting message is booked. */
  givenUp(envelope: TimedEnvelope, code: 'DEADLINE_EXCEEDED' | 'CANCELLED'): void {
    if (envelope.state !== 'turn' && envelope.state !== 'closed') {
      if (envelope.state === 'queued') this.more.givenUp++;
      this.close(envelope, 'expired', code);
      return;
    }
    const error = closingError(code, envelope, this.address, undefined);
    const owed = envelope instanceof AskEnvelope && envelope.fail(error);
    if (envelope.state === 'turn' || owed) envelope.abort(error);
  }

  #bookHandled(envelope: Envelope): void {
    envelope.state = 'closed';
    envelope.closed();
    this.engine.guard?.forget(envelope);
    this.engine.ledger.handled++;
  }

  #reply(ask: AskEnvelope, result: unknown): void {
    this.engine.guard?.freeze(result);
    if (!ask.succeed(result)) this.#late(ask);
  }

  #owe(ask: AskEnvelope, reply: DeferredReply): void {
    reply.onLate = () => {
      this.#late(ask);
    };
    if (ask.wanted) this.context?.owe(ask);
  }

  #late(envelope: AskEnvelope): void {
    this.engine.ledger.lateReplies++;
    this.engine.facts.emit({ type: 'late-reply', actor: this.address, message: envelope.definition.name });
  }

  get #isFull(): boolean {
    return this.mailbox.count >= this.behavior.options.mailbox.capacity;
  }

  /** Frees the room of messages that were given up while they waited; false when that gives none. */
  #sweep(): boolean {
    const { extra } = this;
    if (extra === undefined || extra.givenUp === 0) return false;
    extra.givenUp = 0;
    this.mailbox.sweep();
    this.#admitBlocked();
    return !this.#isFull;
  }

  #makeRoom(envelope: Envelope): boolean {
    switch (this.behavior.options.mailbox.overflow) {
      case 'drop-oldest': {
        const oldest = this.mailbox.shiftOldest();
        if (oldest === undefined) break;
        this.close(oldest, 'dropped', 'MAILBOX_FULL');
        return true;
      }
      case 'drop-newest':
        this.close(envelope, 'dropped', 'MAILBOX_FULL');
        return false;
      case 'block': {
        const blocked = this.more.blockedAsks;
        if (blocked.length >= this.behavior.options.mailbox.capacity) dropClosed(blocked);
        if (!(envelope instanceof AskEnvelope) || blocked.length >= this.behavior.options.mailbox.capacity)
          break;
        envelope.state = 'waiting';
        envelope.host = this;
        blocked.push(envelope);
        return false;
      }
      case 'reject':
        break;
    }
    this.close(envelope, 'refused', 'MAILBOX_FULL');
    return false;
  }

  #admitBlocked(): void {
    const blocked = this.more.blockedAsks;
    while (blocked.length > 0 && !this.#isFull) {
      const ask = blocked.shift() as AskEnvelope;
      if (ask.state !== 'waiting') continue;
      ask.state = 'queued';
      this.mailbox.push(ask);
    }
  }

  /** Wakes who waits for the end of a turn, or for the actor to run. */
  tellTurnOver(): void {
    const { extra } = this;
    if (extra === undefined || extra.turnOver.length === 0) return;
    for (const run of extra.turnOver.splice(0)) run();
  }
}

/** Turns of one activation between two looks at the clock: a look costs as much as a message. */
const turnsPerTimeCheck = 16;

/** Drops closed messages from a list, in place. */
export function dropClosed(envelopes: Envelope[]): void {
  let kept = 0;
  for (const envelope of envelopes) if (envelope.state !== 'closed') envelopes[kept++] = envelope;
  envelopes.length = kept;
}

/** True for what a handler throws when it obeys its aborted signal: that is no failure of the actor. */
function isAbort(thrown: unknown, envelope: Envelope): boolean {
  if (thrown === envelope.abortReason) return true;
  if (thrown instanceof LoomError) return thrown.code === 'DEADLINE_EXCEEDED' || thrown.code === 'CANCELLED';
  return thrown instanceof Error && thrown.name === 'AbortError';
}
