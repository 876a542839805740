import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { ActorRef } from './actor-ref.ts';
import type { Behavior, Handlers, SpawnOptions } from './behavior.ts';
import { Cell, type Engine, type Life, running } from './cell.ts';
import { Context } from './context.ts';
import { LocalRef } from './local-ref.ts';
import { type ChildEnd, decide } from './supervision.ts';
import type { TraceContext } from './trace-context.ts';

export interface LifecycleOptions {
  readonly engine: Engine;
  /** Actors that may live on the node at once. */
  readonly maxActors: number;
  /** A failure that no supervisor could answer. */
  readonly escalated: (error: unknown) => void;
}

/**
 * Starts, restarts and stops actors; `supervision.ts` decides, this does.
 *
 * Y1. A restart keeps the reference and the mailbox, puts the stash back in front, stops the children and ends the
 *     old incarnation before the new one is set up. The failing message is not given again.
 * Y2. Stops go in the reverse order of starts, each with its own limit; what exceeds it is killed and told as a fact.
 * Y3. Watchers hear of an end once, never of a restart.
 * Y4. Of two lifecycle steps that cross, the later life stands: each step goes on only while its own life is in force.
 */
export class Lifecycle {
  readonly #engine: Engine;
  readonly #options: LifecycleOptions;
  /** Actors that live now. */
  count = 0;
  #nextUid = 1;

  constructor(options: LifecycleOptions) {
    this.#engine = options.engine;
    this.#options = options;
  }

  spawn(parent: Cell | undefined, behavior: Behavior, options: SpawnOptions): Cell {
    if (this.count >= this.#options.maxActors) {
      throw new LoomError('NODE_LIMIT', `the node holds ${this.count} actors`);
    }
    const uid = this.#nextUid++;
    const key = options.name ?? uid;
    if (
      typeof key === 'string' &&
      (key === '' || key.length > maxNameLength || key.includes('/') || key.startsWith('$'))
    ) {
      throw new LoomError('INVALID_DEFINITION', `"${key}" is no actor name`, { details: { field: 'name' } });
    }
    const siblings = parent?.more.children;
    if (siblings?.has(key))
      throw new LoomError('INVALID_DEFINITION', `an actor named "${key}" lives here already`);
    const kind = parent?.life.kind;
    if (kind === 'stopped' || kind === 'stopping')
      throw new LoomError('ACTOR_STOPPED', `${parent?.address} is stopping`);
    const cell = new Cell(this.#engine, uid, key, parent, behavior, options.onFailure ?? 'restart');
    cell.ref = new LocalRef(cell);
    siblings?.set(key, cell);
    this.count++;
    const starting = this.#start(cell);
    if (starting !== undefined) this.#forget(starting);
    return cell;
  }

  cellOf(ref: ActorRef): Cell | undefined {
    return ref instanceof LocalRef && ref.cell.engine === this.#engine ? ref.cell : undefined;
  }

  /** Begins the next incarnation. The answer is a promise only when the setup is asynchronous; it never rejects. */
  #start(cell: Cell): Promise<void> | undefined {
    cell.incarnation++;
    const context = new Context(cell, this);
    cell.context = context;
    cell.life = { kind: 'starting' };
    let handlers: Handlers<never> | Promise<Handlers<never>>;
    try {
      handlers = cell.behavior.setup(context as never);
    } catch (error) {
      this.failed(cell, error, undefined);
      return undefined;
    }
    if (!(handlers instanceof Promise)) {
      this.#started(cell, handlers);
      return undefined;
    }
    return this.#awaitSetup(cell, context, handlers);
  }

  async #awaitSetup(cell: Cell, context: Context, setup: Promise<Handlers<never>>): Promise<void> {
    const limitMs = cell.behavior.options.startMs;
    try {
      const handlers = await this.#within(
        setup,
        limitMs,
        () => new LoomError('DEADLINE_EXCEEDED', `setup of ${cell.address} took over ${limitMs} ms`),
      );
      if (cell.context === context && cell.life.kind === 'starting') this.#started(cell, handlers);
    } catch (error) {
      if (cell.context === context && cell.life.kind === 'starting') this.failed(cell, error, undefined);
    }
  }

  #started(cell: Cell, handlers: Readonly<Record<string, unknown>>): void {
    cell.handlers = handlers;
    if (cell.life.kind === 'starting') cell.life = running;
    const { facts } = this.#engine;
    if (facts.heard)
      facts.emit({ type: 'actor-started', actor: cell.address, incarnation: cell.incarnation });
    if (cell.runnable) cell.schedule();
    cell.tellTurnOver();
  }

  /** A handler or a setup threw. */
  failed(
    cell: Cell,
    error: unknown,
    message: { readonly name: string; readonly trace: TraceContext | undefined } | undefined,
  ): void {
    const { facts } = this.#engine;
    facts.emit({
      type: 'actor-failed',
      actor: cell.address,
      incarnation: cell.incarnation,
      error,
      message: message?.name,
      trace: message?.trace,
    });
    const { kind } = cell.life;
    if (kind === 'running' || kind === 'starting')
      this.#ended(cell, { kind: 'failed', directive: cell.directive }, error);
  }

  #ended(cell: Cell, end: ChildEnd, error: unknown): void {
    const { parent } = cell;
    if (parent === undefined) {
      this.#engine.facts.emit({ type: 'node-escalated', error });
      try {
        this.#options.escalated(error);
      } catch (thrown) {
        this.#engine.facts.emit({ type: 'internal-error', where: 'answering an escalation', error: thrown });
      }
      return;
    }
    const decision = decide({
      end,
      restart: cell.behavior.options.restart,
      supervision: parent.behavior.options.supervise,
      child: cell.key,
      history: parent.more.restartHistory,
      nowMs: cell.monotonicMs(),
      random: this.#engine.random.float(),
    });
    switch (decision.kind) {
      case 'resume':
        if (cell.life.kind === 'starting') this.#forget(this.stop(cell, 'its setup failed'));
        else if (cell.runnable) cell.schedule();
        return;
      case 'stop':
        this.#forget(this.stop(cell, end.kind === 'failed' ? 'failed' : 'stopped itself'));
        return;
      case 'escalate':
        this.#engine.facts.emit({ type: 'actor-escalated', actor: cell.address, error });
        this.#forget(this.stop(cell, 'escalated'));
        this.failed(parent, error, undefined);
        return;
      case 'restart':
        parent.more.restartHistory = decision.history;
        this.#forget(this.#restart(groupOf(cell, parent, decision.scope), decision.delayMs));
        return;
    }
  }

  async #restart(group: readonly Cell[], delayMs: number): Promise<void> {
    const life: Life = { kind: 'restarting' };
    for (const cell of group) cell.life = life;
    for (const cell of group.toReversed()) {
      if (cell.life !== life) continue;
      if (cell.behavior.options.restart.type === 'temporary') {
        await this.stop(cell, 'a sibling failed');
        continue;
      }
      await this.#endIncarnation(cell, 'restarting');
      if (cell.life !== life) continue;
      this.#engine.facts.emit({
        type: 'actor-restarting',
        actor: cell.address,
        incarnation: cell.incarnation,
        delayMs,
      });
    }
    if (delayMs > 0) await this.#delay(delayMs);
    for (const cell of group) {
      if (cell.life !== life) continue;
      cell.unstash();
      await this.#start(cell);
    }
  }

  stopSelf(cell: Cell): void {
    const { kind } = cell.life;
    if (kind !== 'running' && kind !== 'starting') return;
    if (cell.behavior.options.restart.type === 'permanent') this.#ended(cell, { kind: 'stopped' }, undefined);
    else this.#forget(this.stop(cell, 'stopped itself'));
  }

  /** Stops after the running turn; what waits in the mailbox becomes dead letters. Resolves when it has stopped. */
  stop(cell: Cell, reason: string): Promise<void> {
    if (cell.life.kind === 'stopped') return Promise.resolve();
    if (cell.life.kind === 'stopping') return cell.more.stopped ?? Promise.resolve();
    cell.life = { kind: 'stopping', reason };
    const stopped = this.#endIncarnation(cell, 'stopping').then(() => {
      this.#bury(cell, reason);
    });
    cell.more.stopped = stopped;
    return stopped;
  }

  /**
   * Takes nothing new, handles what waits, then stops; what is left after `limitMs` becomes dead letters. One that starts
   * or restarts is drained when it runs.
   */
  async drain(cell: Cell, limitMs: number): Promise<void> {
    await this.#overdue(this.#emptied(cell), limitMs, cell);
    await this.stop(cell, 'drained');
  }

  async #emptied(cell: Cell): Promise<void> {
    for (;;) {
      const { kind } = cell.life;
      if (kind === 'stopping' || kind === 'stopped') return;
      if (kind === 'running') {
        cell.life = { kind: 'draining' };
        if (cell.runnable) cell.schedule();
      }
      if (cell.turn === undefined && cell.mailbox.count === 0) return;
      await new Promise<void>((resolve) => cell.more.turnOver.push(resolve));
    }
  }

  /** Ends an actor and its children at once: no hook runs, and the running turn is cut off. */
  kill(cell: Cell, reason: string, code: ErrorCode = 'ACTOR_STOPPED'): void {
    if (cell.life.kind === 'stopped') return;
    cell.life = { kind: 'stopping', reason };
    for (const child of [...(cell.extra?.children.values() ?? [])].toReversed())
      this.kill(child, reason, code);
    this.#cutTurn(cell, reason, code);
    cell.context?.end(new LoomError('STALE_INCARNATION', `${cell.address} was killed: ${reason}`));
    this.#bury(cell, reason);
  }

  #cutTurn(cell: Cell, reason: string, code: ErrorCode): void {
    const { turn } = cell;
    if (turn === undefined) return;
    cell.turn = undefined;
    cell.more.cut = { context: cell.context, turn };
    // ACTOR_STOPPED tells a caller that its message was not begun.
    cell.close(turn, 'failed', code === 'ACTOR_STOPPED' ? 'UNKNOWN_OUTCOME' : code);
    turn.abort(new LoomError(code, `${cell.address}: ${reason}`));
  }

  /** Goes through the end of the present incarnation once, however many steps (a restart, a stop) wait for it. */
  #endIncarnation(cell: Cell, why: string): Promise<void> {
    const { more, context } = cell;
    if (more.ending === undefined || more.ending.context !== context)
      more.ending = { context, over: this.#end(cell, why) };
    return more.ending.over;
  }

  /** The turn, then the children, then the hooks, then the ports: each bounded by the actor's `stopMs`. */
  async #end(cell: Cell, why: string): Promise<void> {
    const { context } = cell;
    const limitMs = cell.behavior.options.stopMs;
    if (cell.turn !== undefined) {
      const over = new Promise<void>((resolve) => cell.more.turnOver.push(resolve));
      if (await this.#overdue(over, limitMs, cell)) this.#cutTurn(cell, why, 'ACTOR_STOPPED');
    }
    for (const child of [...(cell.extra?.children.values() ?? [])].toReversed()) {
      await this.stop(child, `its parent is ${why}`);
    }
    if (context === undefined) return;
    await this.#overdue(context.runHooks(), limitMs, cell);
    context.end(
      new LoomError('STALE_INCARNATION', `incarnation ${cell.incarnation} of ${cell.address} has ended`),
    );
    for (const left of [...(cell.extra?.children.values() ?? [])].toReversed())
      this.kill(left, 'started while its parent ended');
  }

  #bury(cell: Cell, reason: string): void {
    if (cell.life.kind === 'stopped') return;
    cell.life = { kind: 'stopped', reason };
    for (let left = cell.mailbox.shift(); left !== undefined; left = cell.mailbox.shift()) {
      cell.close(left, 'deadLettered', 'ACTOR_STOPPED');
    }
    const { extra } = cell;
    for (const left of extra?.stash.splice(0) ?? []) cell.close(left, 'deadLettered', 'ACTOR_STOPPED');
    for (const left of extra?.blockedAsks.splice(0) ?? []) cell.close(left, 'deadLettered', 'ACTOR_STOPPED');
    cell.parent?.extra?.children.delete(cell.key);
    this.count--;
    cell.handlers = undefined;
    const { facts } = this.#engine;
    if (facts.heard)
      facts.emit({ type: 'actor-stopped', actor: cell.address, incarnation: cell.incarnation, reason });
    const watchers = [...(extra?.watchers ?? [])];
    extra?.watchers.clear();
    for (const watcher of watchers) cell.tellWatcher(watcher);
    for (const run of extra?.turnOver.splice(0) ?? []) run();
  }

  /** Waits for `promise`, at most `limitMs`; answers true (and says so) when the limit came first. */
  async #overdue(promise: Promise<void>, limitMs: number, cell: Cell): Promise<boolean> {
    const late = Symbol();
    const first = await this.#within<typeof late | undefined>(
      promise.then(() => undefined),
      limitMs,
      () => late,
    );
    if (first === late) this.#engine.facts.emit({ type: 'stop-overdue', actor: cell.address, limitMs });
    return first === late;
  }

  /** `promise`, or after `limitMs` what `late` gives: an error is thrown, anything else is the answer. */
  #within<T>(promise: Promise<T>, limitMs: number, late: () => T | LoomError): Promise<T> {
    return new Promise((resolve, reject) => {
      const timer = this.#engine.clock.after(limitMs, () => {
        const answer = late();
        if (answer instanceof LoomError) reject(answer);
        else resolve(answer);
      });
      promise.then(
        (value) => {
          timer.cancel();
          resolve(value);
        },
        (error: unknown) => {
          timer.cancel();
          reject(LoomError.from(error, 'HANDLER_FAILED'));
        },
      );
    });
  }

  #delay(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#engine.clock.after(delayMs, resolve);
    });
  }

  /** For lifecycle steps that nobody waits for: a throw in one is a mistake of the engine and told as such. */
  #forget(step: Promise<void>): void {
    step.catch((error: unknown) => {
      this.#engine.facts.emit({ type: 'internal-error', where: 'lifecycle', error });
    });
  }
}

const maxNameLength = 200;

function groupOf(cell: Cell, parent: Cell, scope: 'child' | 'all' | 'rest'): readonly Cell[] {
  if (scope === 'child') return [cell];
  const siblings = [...parent.more.children.values()];
  const from = scope === 'all' ? 0 : siblings.indexOf(cell);
  return siblings.slice(from).filter((sibling) => {
    const { kind } = sibling.life;
    return sibling === cell || kind === 'running' || kind === 'starting' || kind === 'restarting';
  });
}
