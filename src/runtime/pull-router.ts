import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { ActorRef } from './actor-ref.ts';
import { type ActorContext, type Behavior, type BehaviorSettings, behavior } from './behavior.ts';
import type { Attempt, TellClient } from './client.ts';
import type { AskOptions, Protocol, TellOutcome } from './definition.ts';
import { limit } from './limit.ts';
import {
  type PullMessages,
  type PullProtocol,
  PullWorker,
  pullMessages,
  type RequestName,
} from './pull-protocol.ts';
import { Piece, PullQueue } from './pull-queue.ts';
import type { Deferred, Turn } from './turn.ts';

export interface PullRouterSettings<P extends Protocol> {
  /** The workers of each start; others may be added, and do not outlive a restart of the router. */
  readonly workers?: readonly ActorRef<P>[];
  /** Pieces that one worker may have at once; 1 to 1,024; default 1. */
  readonly credits?: number;
  /** Pieces that may wait for a worker; 1 to 1,000,000; default 1,024. */
  readonly capacity?: number;
  /** 1 to 1,024; default 1,024. */
  readonly maxWorkers?: number;
  /** How long the credit of a piece that failed is kept back; 0 to 60,000; default 100. */
  readonly restMs?: number;
  /** The router's own options as an actor. */
  readonly behavior?: BehaviorSettings;
}

/**
 * An actor that takes pieces of work and gives them to whichever worker is free.
 *
 * PR1. No worker owes answers to more pieces than its credits, whatever comes, leaves or comes back.
 * PR2. First come, first served: pieces are given out in the order of their arrival, and go to the worker that has
 *      waited longest. None waits while a worker has a free credit.
 * PR3. At most `capacity` pieces wait; one more is refused with MAILBOX_FULL. One whose asker has left waits no more.
 * PR4. The asker's deadline, cancellation and trace travel to the worker; what the worker answers, or why it does not,
 *      is the asker's answer. No piece is given out twice.
 * PR5. A worker that failed a piece (by another error than its request declares) rests for `restMs`: one that is broken
 *      or stopping does not draw all the work to itself. One that has ended gets nothing more.
 * PR6. A stop answers every asker: ACTOR_STOPPED for what waited; what workers have is awaited within `stopMs`.
 */
export function pullRouter<P extends Protocol, K extends RequestName<P>>(
  workerProtocol: P,
  requestName: K,
  settings: PullRouterSettings<P> = {},
): Behavior<PullProtocol<P, K>> {
  const workers = settings.workers ?? [];
  const limits: PullLimits = {
    requestName,
    credits: limit('credits', settings.credits ?? 1, 1, 1024),
    capacity: limit('capacity', settings.capacity ?? 1024, 1, 1_000_000),
    maxWorkers: limit('maxWorkers', settings.maxWorkers ?? 1024, 1, 1024),
    restMs: limit('restMs', settings.restMs ?? 100, 0, 60_000),
  };
  limit('workers.length', workers.length, 0, limits.maxWorkers);
  const router = behavior(
    pullMessages(workerProtocol, requestName),
    (context) => {
      const desk = new PullDesk(context, limits);
      for (const worker of workers) desk.add(worker);
      return {
        work: (body, turn) => desk.take(body, turn),
        addWorker: (ref) => desk.add(ref),
        removeWorker: (ref) => desk.remove(ref.address),
        pieceEnded: (worker) => desk.giveBack(worker),
        workerEnded: (worker) => desk.leave(worker),
      };
    },
    settings.behavior,
  );
  return router as unknown as Behavior<PullProtocol<P, K>>;
}

interface PullLimits {
  readonly requestName: string;
  readonly credits: number;
  readonly capacity: number;
  readonly maxWorkers: number;
  readonly restMs: number;
}

type Give = (body: unknown, options: AskOptions) => Promise<Attempt<unknown, string>>;
type Self = TellClient<PullMessages>;

/** Failures that say nothing about the worker. */
const ofTheAsker: ReadonlySet<ErrorCode> = new Set(['CANCELLED', 'DEADLINE_EXCEEDED']);
const repeatMs = 10;

/** One incarnation of a pull router. */
class PullDesk {
  readonly #context: ActorContext<PullMessages>;
  readonly #limits: PullLimits;
  readonly #workers = new Map<string, PullWorker>();
  /** Those with a free credit, the one that has waited longest first. */
  readonly #free: PullWorker[] = [];
  readonly #queue = new PullQueue();
  /** Pieces that workers have and have not answered. */
  #underWay = 0;
  #stopping = false;
  #allAnswered: (() => void) | undefined = undefined;

  constructor(context: ActorContext<PullMessages>, limits: PullLimits) {
    this.#context = context;
    this.#limits = limits;
    context.onStop(() => this.#stop());
  }

  take(body: unknown, turn: Turn<unknown>): Deferred<unknown> {
    const { capacity } = this.#limits;
    if (this.#queue.count >= capacity) throw new LoomError('MAILBOX_FULL', `${capacity} pieces wait`);
    const untilMs = this.#context.monotonicMs() + turn.remainingMs;
    const piece = new Piece(body, turn.defer(), turn.signal, untilMs, turn.trace);
    this.#queue.push(piece);
    this.#giveOut();
    if (piece.queued) {
      piece.signal.addEventListener('abort', () => {
        this.#queue.remove(piece);
      });
    }
    return piece.reply;
  }

  add(ref: ActorRef): number {
    let worker = this.#workers.get(ref.address);
    if (worker !== undefined && !worker.leaving) return this.#workers.size;
    if (worker === undefined) {
      if (this.#workers.size >= this.#limits.maxWorkers) {
        throw new LoomError('NODE_LIMIT', `the router has ${this.#workers.size} workers`);
      }
      worker = new PullWorker(ref);
      this.#workers.set(ref.address, worker);
    }
    const added = worker;
    added.ref = ref;
    added.leaving = false;
    added.unwatch = this.#context.watch(ref, (_terminated, self) => {
      this.#surely(self, (own) => own.workerEnded(added));
    });
    if (added.taken < this.#limits.credits) this.#free.push(added);
    this.#giveOut();
    return this.#workers.size;
  }

  remove(address: string): void {
    const worker = this.#workers.get(address);
    if (worker !== undefined) this.leave(worker);
  }

  /** It stays known until its pieces have ended, so that coming back gives it no new credits. */
  leave(worker: PullWorker): void {
    if (!this.#knows(worker) || worker.leaving) return;
    worker.leaving = true;
    worker.unwatch();
    const place = this.#free.indexOf(worker);
    if (place >= 0) this.#free.splice(place, 1);
    this.#forget(worker);
  }

  giveBack(worker: PullWorker): void {
    if (!this.#knows(worker)) return;
    const none = worker.taken === this.#limits.credits;
    worker.taken--;
    if (worker.leaving) this.#forget(worker);
    else if (none) this.#free.push(worker);
    this.#giveOut();
  }

  /** False for a worker of an earlier incarnation, whose last signals may wait in the mailbox. */
  #knows(worker: PullWorker): boolean {
    return this.#workers.get(worker.ref.address) === worker;
  }

  #forget(worker: PullWorker): void {
    if (worker.taken === 0) this.#workers.delete(worker.ref.address);
  }

  #giveOut(): void {
    while (this.#free.length > 0) {
      const piece = this.#queue.shift();
      if (piece === undefined) return;
      const deadlineMs = piece.untilMs - this.#context.monotonicMs();
      if (piece.reply.wanted && deadlineMs > 0)
        this.#give(this.#free.shift() as PullWorker, piece, deadlineMs);
    }
  }

  #give(worker: PullWorker, piece: Piece, deadlineMs: number): void {
    worker.taken++;
    if (worker.taken < this.#limits.credits) this.#free.push(worker);
    const { signal, trace } = piece;
    const clients = this.#context.aside(worker.ref).attempt as Readonly<Record<string, Give>>;
    const give = clients[this.#limits.requestName] as Give;
    const given = give.call(clients, piece.body, { deadlineMs, signal, ...(trace && { trace }) });
    this.#underWay++;
    const answered = given.then((answer) => {
      piece.answer(answer);
      if (--this.#underWay === 0) this.#allAnswered?.();
      return answer.ok || answer.declared !== undefined || ofTheAsker.has(answer.error.code);
    });
    this.#context.pipe(answered, (settled, self) => {
      if (this.#stopping) return;
      const ended = (own: Self): void => {
        this.#surely(own, (client) => client.pieceEnded(worker));
      };
      if (settled.ok && settled.value) ended(self);
      else this.#context.after(this.#limits.restMs, ended);
    });
  }

  /** A signal of the router to itself must not be lost to a full mailbox: it is repeated until it is taken. */
  #surely(self: Self, tell: (self: Self) => TellOutcome): void {
    if (tell(self) !== 'full') return;
    this.#context.after(repeatMs, (again) => {
      this.#surely(again, tell);
    });
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    for (let piece = this.#queue.shift(); piece !== undefined; piece = this.#queue.shift()) {
      piece.reply.reject(new LoomError('ACTOR_STOPPED', 'the router stopped before a worker was free'));
    }
    if (this.#underWay === 0) return;
    await new Promise<void>((resolve) => {
      this.#allAnswered = resolve;
    });
  }
}
