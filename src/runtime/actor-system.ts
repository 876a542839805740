import type { Checksum } from '../ports/checksum.ts';
import type { Clock } from '../ports/clock.ts';
import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Random } from '../ports/random.ts';
import type { ActorRef } from './actor-ref.ts';
import { type Behavior, behavior, type SpawnOptions } from './behavior.ts';
import type { Cell, Engine } from './cell.ts';
import { DeadLetters } from './dead-letters.ts';
import type { Protocol, TellOutcome } from './definition.ts';
import type { Envelope } from './envelope.ts';
import { type DeadLetter, Facts } from './facts.ts';
import { type FinalState, Ledger } from './ledger.ts';
import { Lifecycle } from './lifecycle.ts';
import { MessageGuard } from './message-guard.ts';
import { protocol } from './protocol.ts';
import { Scheduler } from './scheduler.ts';
import type { SupervisionOptions } from './supervision.ts';
import { TimerWheel } from './timer-wheel.ts';
import { TurnWaits } from './turn-wait.ts';

export interface ActorSystemOptions {
  readonly node: string;
  readonly epoch: number;
  readonly clock: Clock;
  readonly random: Random;
  /** With a checksum, local messages are frozen and their bytes checked: for development and tests. */
  readonly guardWith?: Checksum;
  /** Milliseconds; the deadline of asks that name none. Default 30,000. */
  readonly defaultDeadlineMs?: number;
  /** Actors at once; default 2,000,000. */
  readonly maxActors?: number;
  /** Dead letters kept; default 1,000. */
  readonly deadLetterCapacity?: number;
  /** How top-level actors are supervised. */
  readonly supervise?: Partial<SupervisionOptions>;
  /** A failure that no supervisor answered: the node should drain and exit. */
  readonly escalated?: (error: unknown) => void;
  readonly turnsPerPass?: number;
  readonly passMs?: number;
}

export interface SystemSpawnOptions extends SpawnOptions {
  /** An actor of this node; top-level when absent. */
  readonly parent?: ActorRef;
}

const Root = protocol('root', {});

/** The actors of one node, and all that they share. */
export class ActorSystem {
  readonly engine: Engine;
  readonly deadLetters: DeadLetters;
  readonly #lifecycle: Lifecycle;
  readonly #root: Cell;

  constructor(options: ActorSystemOptions) {
    const facts = new Facts();
    const ledger = new Ledger();
    const deadLetters = new DeadLetters(options.deadLetterCapacity ?? 1000);
    const lifecycleOf = (): Lifecycle => this.#lifecycle;
    this.deadLetters = deadLetters;
    const wheel = new TimerWheel(options.clock);
    this.engine = {
      node: options.node,
      epoch: options.epoch,
      clock: options.clock,
      random: options.random,
      wheel,
      scheduler: new Scheduler(options.clock, {
        turnsPerPass: options.turnsPerPass ?? 4096,
        passMs: options.passMs ?? 2,
        passBegins: (nowMs) => {
          wheel.catchUp(nowMs);
        },
      }),
      turnWaits: new TurnWaits(),
      ledger,
      facts,
      guard:
        options.guardWith === undefined
          ? undefined
          : new MessageGuard(options.guardWith, (error) => {
              facts.emit({ type: 'internal-error', where: 'message guard', error });
            }),
      defaultDeadlineMs: options.defaultDeadlineMs ?? 30_000,
      close(envelope: Envelope, state: FinalState, code: ErrorCode, target: string, cause?: unknown): void {
        if (envelope.state === 'closed') return;
        envelope.state = 'closed';
        envelope.closed();
        this.guard?.forget(envelope);
        ledger[state]++;
        const { protocolName, name } = envelope.definition;
        const traceId = envelope.trace?.traceId;
        const letter = { state, code, target, protocol: protocolName, message: name, traceId };
        if (envelope.definition.kind === 'signal') {
          deadLetters.keep(letter, { definition: envelope.definition, body: envelope.body });
        }
        this.record(letter);
        envelope.endedWith(state, code, target, cause);
      },
      record(letter: DeadLetter): void {
        deadLetters.add(letter);
        if (facts.heard) facts.emit({ type: 'dead-letter', letter });
      },
      failed(cell: Cell, error: unknown, envelope: Envelope | undefined): void {
        const message =
          envelope === undefined ? undefined : { name: envelope.definition.name, trace: envelope.trace };
        lifecycleOf().failed(cell, error, message);
      },
    };
    this.#lifecycle = new Lifecycle({
      engine: this.engine,
      maxActors: (options.maxActors ?? 2_000_000) + 1,
      escalated: options.escalated ?? (() => undefined),
    });
    const supervise = { maxRestarts: 100, ...options.supervise };
    const root = behavior(Root, () => ({}), { supervise });
    this.#root = this.#lifecycle.spawn(undefined, root as unknown as Behavior, {});
  }

  get node(): string {
    return this.engine.node;
  }

  get facts(): Facts {
    return this.engine.facts;
  }

  get ledger(): Ledger {
    return this.engine.ledger;
  }

  get actorCount(): number {
    return Math.max(0, this.#lifecycle.count - 1);
  }

  /** Starts a top-level actor. INVALID_DEFINITION for a bad or taken name, NODE_LIMIT when the node is full. */
  spawn<P extends Protocol>(behavior: Behavior<P>, options: SystemSpawnOptions = {}): ActorRef<P> {
    const parent = options.parent === undefined ? this.#root : this.#lifecycle.cellOf(options.parent);
    if (parent === undefined) throw new LoomError('NO_SUCH_ACTOR', 'the parent does not live on this node');
    return this.#lifecycle.spawn(parent, behavior as unknown as Behavior, options).ref as ActorRef<P>;
  }

  /** The living actor behind a path, for messages from other nodes. */
  cellAt(path: string): Cell | undefined {
    const ref = this.find(path);
    return ref === undefined ? undefined : this.#lifecycle.cellOf(ref);
  }

  /** The living actor at a path (`parent/child`), or undefined. */
  find(path: string): ActorRef | undefined {
    let cell: Cell | undefined = this.#root;
    for (const step of path.split('/')) {
      const key = step.startsWith('$') ? Number(step.slice(1)) : step;
      cell = cell?.extra?.children.get(key);
    }
    return cell?.ref;
  }

  async stop(ref: ActorRef): Promise<void> {
    const cell = this.#lifecycle.cellOf(ref);
    if (cell !== undefined) await this.#lifecycle.stop(cell, 'stopped');
  }

  /** Ends an actor at once; `code` is what the asker of its running turn is told. */
  kill(ref: ActorRef, code: ErrorCode = 'ACTOR_STOPPED'): void {
    const cell = this.#lifecycle.cellOf(ref);
    if (cell !== undefined) this.#lifecycle.kill(cell, 'killed', code);
  }

  /** Lets an actor finish its mailbox, then stops it. */
  async drainActor(ref: ActorRef, limitMs: number): Promise<void> {
    const cell = this.#lifecycle.cellOf(ref);
    if (cell !== undefined) await this.#lifecycle.drain(cell, limitMs);
  }

  /** As `close`, but each top-level actor first handles what waits in its mailbox; `limitMs` for all of them. */
  async drain(limitMs: number): Promise<void> {
    const { clock } = this.engine;
    const untilMs = clock.monotonicMs() + limitMs;
    for (const cell of [...(this.#root.extra?.children.values() ?? [])].toReversed())
      await this.#lifecycle.drain(cell, Math.max(0, untilMs - clock.monotonicMs()));
    await this.close();
  }

  /** Stops all actors, last started first. Calling it again is harmless. */
  async close(): Promise<void> {
    await this.#lifecycle.stop(this.#root, 'the node closes');
    this.engine.wheel.rest();
  }

  /** What a crash does: every actor ends with no hook. */
  crash(): void {
    this.#lifecycle.kill(this.#root, 'the node crashed');
  }

  /**
   * Sends a signal that became a dead letter again, as a new message to the actor that has its address now. `gone` when
   * nobody has, or when it was no signal: the caller of an ask is gone.
   */
  replay(letter: DeadLetter): TellOutcome {
    const signal = this.deadLetters.signalOf(letter);
    const ref = this.find(letter.target.slice(this.node.length + 1));
    if (signal === undefined || ref?.protocol.name !== letter.protocol) return 'gone';
    return ref.postTell(signal.definition, signal.body, undefined);
  }

  /** Messages in mailboxes, stashes and turns now. Walks all actors: for tests, metrics and status. */
  inFlight(): number {
    let count = 0;
    const cells = [this.#root];
    for (let cell = cells.pop(); cell !== undefined; cell = cells.pop()) {
      for (const child of cell.extra?.children.values() ?? []) cells.push(child);
      for (const envelope of cell.mailbox) if (envelope.state !== 'closed') count++;
      if (cell.turn !== undefined && cell.turn.state === 'turn') count++;
      for (const envelope of cell.extra?.stash ?? []) if (envelope.state === 'stashed') count++;
      for (const ask of cell.extra?.blockedAsks ?? []) if (ask.state === 'waiting') count++;
    }
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
