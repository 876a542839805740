import type { TimerHandle } from '../ports/clock.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { RegistryHandle } from '../ports/registry.ts';
import type { Engine } from './cell.ts';
import { backoffMs } from './supervision.ts';

/** What happens to a lease, told to the shard that it protects. */
export interface ShardLeaseEvents {
  granted(token: number): void;
}

/**
 * One lease at the node that wants it: a loop that brings what the registry holds to what the shard wishes.
 *
 * SL1. One call at a time; when it is answered, the wish of that moment decides the next.
 * SL2. A lease that is not wanted is given back, also one that was granted too late or whose grant was never heard of.
 *      That is tried until the registry has answered or the epoch has ended, else no successor could have it.
 * SL3. A lease that was in doubt is given back before it is taken again: the next token is larger, so that the store
 *      can tell what was sent under the old one.
 */
export class ShardLease {
  readonly key: string;
  readonly #engine: Engine;
  readonly #registry: RegistryHandle;
  readonly #events: ShardLeaseEvents;
  #wanted = false;
  #token: number | undefined = undefined;
  /** Whoever wants the lease now was told that it is held. */
  #told = false;
  /** `#token` must be given back, whatever is wanted (SL3). */
  #forfeited = false;
  /** A call was not answered: the registry may hold the lease for this epoch. */
  #uncertain = false;
  #closed = false;
  #running: Promise<void> | undefined = undefined;
  #wake: (() => void) | undefined = undefined;

  constructor(key: string, engine: Engine, registry: RegistryHandle, events: ShardLeaseEvents) {
    this.key = key;
    this.#engine = engine;
    this.#registry = registry;
    this.#events = events;
  }

  /** Wants the lease from now on, and tries at once; `granted` is told. */
  want(): void {
    this.#wanted = true;
    void this.#settle();
  }

  /** Wants it no more; resolves when the registry holds nothing for this node. */
  forgo(): Promise<void> {
    this.#wanted = false;
    this.#told = false;
    return this.#settle();
  }

  /** It may be gone: nothing is done under its token any more. */
  forfeit(): void {
    this.#forfeited = this.#token !== undefined || this.#uncertain;
    this.#wanted = false;
    this.#told = false;
    void this.#settle();
  }

  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  /** Resolves when the registry holds what is wished, or the epoch has ended; never rejects. */
  #settle(): Promise<void> {
    this.#wake?.();
    if (this.#running === undefined && this.#due) this.#running = this.#run();
    return this.#running ?? Promise.resolve();
  }

  async #run(): Promise<void> {
    let failures = 0;
    // `granted` is never told from inside `want`.
    await Promise.resolve();
    while (this.#due) {
      if (await this.#step()) continue;
      await this.#wait(backoffMs(retryBackoff, failures, this.#engine.random.float()));
      failures++;
    }
    this.#running = undefined;
  }

  get #due(): boolean {
    if (this.#closed) return false;
    if (this.#forfeited) return true;
    return this.#wanted ? !this.#told : this.#token !== undefined || this.#uncertain;
  }

  /** Brings the lease one step nearer to what is wished; false when that must be tried again later. */
  async #step(): Promise<boolean> {
    const token = this.#token;
    if (token === undefined) return this.#acquire();
    if (!this.#wanted || this.#forfeited) return this.#release(token);
    this.#told = true;
    this.#engine.facts.emit({ type: 'lease-acquired', key: this.key, token });
    this.#events.granted(token);
    return true;
  }

  async #acquire(): Promise<boolean> {
    this.#uncertain = true;
    try {
      const answer = await this.#registry.acquire(this.key);
      this.#uncertain = false;
      if (answer.kind === 'held') {
        this.#forfeited = false;
        return !this.#wanted;
      }
      this.#token = answer.token;
      return true;
    } catch (thrown) {
      return this.#failed(LoomError.from(thrown));
    }
  }

  async #release(token: number): Promise<boolean> {
    try {
      await this.#registry.release(this.key, token);
      this.#forget();
      this.#engine.facts.emit({ type: 'lease-released', key: this.key, token });
      return true;
    } catch (thrown) {
      return this.#failed(LoomError.from(thrown));
    }
  }

  /** An epoch that has ended holds nothing, and gets nothing. */
  #failed(error: LoomError): boolean {
    if (error.code === 'EPOCH_ENDED' || error.code === 'STALE_INCARNATION') {
      this.#forget();
      this.#closed = true;
    }
    return false;
  }

  #forget(): void {
    this.#token = undefined;
    this.#forfeited = false;
    this.#uncertain = false;
  }

  /** Ended early when the wish changes. */
  async #wait(waitMs: number): Promise<void> {
    if (this.#closed) return;
    let timer: TimerHandle | undefined;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      timer = this.#engine.clock.after(waitMs, resolve);
    });
    timer?.cancel();
    this.#wake = undefined;
  }
}

const retryBackoff = { minMs: 20, maxMs: 250, factor: 2, jitter: 0.5 };
