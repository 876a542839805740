import type { ErrorCode } from '../ports/error-table.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { ActorRef } from './actor-ref.ts';
import type { ActorSystem } from './actor-system.ts';
import { type Behavior, behavior } from './behavior.ts';
import type { Envelope } from './envelope.ts';
import { LocalRef } from './local-ref.ts';
import { protocol, signal } from './protocol.ts';
import { unchecked } from './schema.ts';
import type { SupervisionOptions } from './supervision.ts';
import type { Terminated } from './watch.ts';

const Keeper = protocol('virtual-keeper', {
  ended: signal({ in: unchecked<{ readonly failed: boolean }>() }),
});

/**
 * One virtual actor that lives here, under a keeper of its own, so that its restarts are counted by its own failures
 * and not by those of its neighbours. When they exceed its intensity, the keeper fails and the actor is gone.
 */
export class VirtualActor {
  readonly #system: ActorSystem;
  readonly #keeper: ActorRef;
  readonly #actor: LocalRef;
  usedAtMs: number;
  #stopping = false;
  #killed = false;

  /**
   * Throws what starting it throws: NODE_LIMIT, or what the behaviour's definition throws. Each of its incarnations is
   * set up only if `mayAct` still says so: a restart may come late, after a time in which the node stood still.
   */
  constructor(
    system: ActorSystem,
    host: ActorRef,
    make: () => Behavior,
    mayAct: () => boolean,
    supervise: Partial<SupervisionOptions> | undefined,
  ) {
    const made = make();
    const owned: Behavior = {
      ...made,
      setup: (context) => {
        if (!mayAct()) throw new LoomError('LEASE_LOST', 'the lease may be lost: it is not started');
        return made.setup(context);
      },
    };
    const started: { actor?: ActorRef } = {};
    const keeper = behavior(
      Keeper,
      (context) => {
        const child = context.spawn(owned);
        started.actor = child;
        context.watch(child, ({ reason }, self) => {
          if (!this.#killed) self.ended({ failed: reason === 'failed' });
        });
        return {
          ended({ failed }) {
            if (failed) throw new LoomError('HANDLER_FAILED', `${child.address} failed`);
            context.stop();
          },
        };
      },
      supervise === undefined ? {} : { supervise },
    );
    this.#system = system;
    this.#keeper = system.spawn(keeper, { parent: host, onFailure: 'stop' });
    // The keeper's setup is synchronous: without a child, the node had no room for one.
    if (!(started.actor instanceof LocalRef))
      throw new LoomError('NODE_LIMIT', 'no room for a virtual actor');
    this.#actor = started.actor;
    this.usedAtMs = system.engine.clock.monotonicMs();
  }

  /** On its way out: what comes now is for its successor. */
  get leaving(): boolean {
    const { kind } = this.#actor.cell.life;
    return this.#stopping || kind === 'draining' || kind === 'stopping' || kind === 'stopped';
  }

  /** Nothing runs, waits or is owed. */
  get idle(): boolean {
    const { turn, mailbox, extra, context } = this.#actor.cell;
    if (turn !== undefined || mailbox.count > 0 || context?.awaited === true) return false;
    return extra === undefined || extra.stash.length === 0;
  }

  take(envelope: Envelope): void {
    this.usedAtMs = this.#system.engine.clock.monotonicMs();
    this.#actor.cell.offer(envelope);
  }

  /** Handles what waits, then stops with its hooks; each bounded by the behaviour's `stopMs`. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#system.drainActor(this.#actor, this.#actor.cell.behavior.options.stopMs);
    await this.#system.stop(this.#keeper);
  }

  /** Ends at once; `code` is what the asker of the running turn is told. */
  kill(code: ErrorCode): void {
    this.#killed = true;
    this.#system.kill(this.#keeper, code);
  }

  onEnded(listener: (terminated: Terminated) => void): void {
    this.#keeper.onTerminated(listener);
  }
}
