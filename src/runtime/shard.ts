import type { TimerHandle } from '../ports/clock.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { RegistryHandle } from '../ports/registry.ts';
import type { Engine } from './cell.ts';
import { AskEnvelope, type Envelope } from './envelope.ts';
import { ShardBuffer } from './shard-buffer.ts';
import { ShardLease } from './shard-lease.ts';
import { backoffMs } from './supervision.ts';
import type { VirtualActor } from './virtual-actor.ts';

/** What a virtual actor is told about its ownership when it starts. */
export interface Ownership {
  readonly key: string;
  /** The lease under which it lives, for transactions in the registry. */
  readonly leaseKey: string;
  /** The fencing token of that lease, for stores. */
  readonly token: number;
  /** False once the lease may be lost. */
  mayAct(): boolean;
}

/** What a shard needs of its region. */
export interface ShardHost {
  readonly engine: Engine;
  readonly kind: string;
  readonly idleMs: number;
  readonly maxWaiting: number;
  readonly mayAct: boolean;
  readonly registry: RegistryHandle;
  /** The node that is named as the shard's owner. */
  candidate(shard: number): string | undefined;
  start(ownership: Ownership): VirtualActor;
}

type ShardState =
  | { readonly kind: 'unowned' }
  | { readonly kind: 'acquiring'; readonly limit: TimerHandle }
  | { readonly kind: 'owned'; readonly token: number }
  | { readonly kind: 'handing-over'; readonly done: Promise<void> };

interface Backoff {
  failures: number;
  untilMs: number;
}

const acquireForMs = 15_000;
const failureBackoff = { minMs: 1_000, maxMs: 30_000, factor: 2, jitter: 0.2 };

/**
 * One shard on the node that may own it: its actors, and what waits for them or for the lease.
 *
 * SH1. Actors are started only while the lease is held and may be acted upon.
 * SH2. What comes while the lease is taken, or for an actor that is leaving, waits in order; it is refused when there is
 *      no room (BUFFER_FULL), or when the lease is lost, given away or not to be had in time (NO_OWNER).
 * SH3. While the node may not act, asks are refused with NO_OWNER: who asks tries again, perhaps at a successor that
 *      this node does not know yet.
 * SH4. A hand-over ends each actor in order (turns, hooks), then gives the lease back.
 */
export class Shard {
  readonly number: number;
  readonly #host: ShardHost;
  readonly #engine: Engine;
  readonly #lease: ShardLease;
  readonly #buffer: ShardBuffer;
  readonly #actors = new Map<string, VirtualActor>();
  readonly #backoffs = new Map<string, Backoff>();
  /** Keys whose actors run without being asked. */
  readonly #awake = new Set<string>();
  #state: ShardState = { kind: 'unowned' };

  constructor(number: number, host: ShardHost) {
    const key = `shards/${host.kind}/${number}`;
    this.number = number;
    this.#host = host;
    this.#engine = host.engine;
    this.#buffer = new ShardBuffer(host.engine, host.maxWaiting, key);
    this.#lease = new ShardLease(key, host.engine, host.registry, {
      granted: (token) => this.#granted(token),
    });
  }

  get waitingCount(): number {
    return this.#buffer.count;
  }

  get liveCount(): number {
    return this.#actors.size;
  }

  deliver(key: string, envelope: Envelope): void {
    const state = this.#state;
    if (state.kind === 'owned' && this.#host.mayAct && this.#actors.get(key)?.leaving !== true) {
      this.#hand(key, envelope, state.token);
    } else if (envelope instanceof AskEnvelope && !this.#host.mayAct) {
      this.#engine.close(envelope, 'refused', 'NO_OWNER', this.#address(key));
    } else if (!this.#buffer.hold(key, envelope)) {
      this.#engine.close(envelope, 'refused', 'BUFFER_FULL', this.#address(key));
    } else if (state.kind === 'unowned') {
      this.#acquire();
    }
  }

  /** Keeps the key's actor running, without a message, as long as the shard is here. */
  wake(key: string): void {
    this.#awake.add(key);
    if (this.#state.kind === 'unowned') this.#acquire();
    else this.resume();
  }

  /** Something changed: what waited for the lease, for the right to act or for an actor to leave, may go on. */
  resume(): void {
    const state = this.#state;
    if (state.kind === 'acquiring') this.#lease.want();
    if (state.kind !== 'owned' || !this.#host.mayAct) return;
    for (const { key, envelope } of this.#buffer.takeAll()) this.deliver(key, envelope);
    for (const key of this.#awake) {
      if (!this.#actors.has(key) && this.#backoffMs(key) === 0) this.#start(key, state.token);
    }
  }

  /** Puts idle actors to sleep. */
  sweep(): void {
    const nowMs = this.#engine.clock.monotonicMs();
    for (const [key, actor] of this.#actors) {
      if (nowMs - actor.usedAtMs < this.#host.idleMs || this.#awake.has(key)) continue;
      if (actor.idle && !actor.leaving) this.#track(actor.stop(), `passivation of ${this.#address(key)}`);
    }
    for (const [key, backoff] of this.#backoffs) {
      if (nowMs - backoff.untilMs > failureBackoff.maxMs) this.#backoffs.delete(key);
    }
    this.resume();
  }

  /** SH4. Resolves when the lease is given back, or the epoch has ended. */
  handOver(): Promise<void> {
    const state = this.#state;
    if (state.kind === 'handing-over') return state.done;
    this.#awake.clear();
    this.#refuseWaiting();
    if (state.kind !== 'owned') {
      if (state.kind === 'acquiring') state.limit.cancel();
      this.#state = { kind: 'unowned' };
      return this.#lease.forgo();
    }
    const leaving: ShardState = {
      kind: 'handing-over',
      done: this.#leave(() => this.#state === leaving),
    };
    this.#state = leaving;
    return leaving.done;
  }

  /** The lease may be gone. Everything here ends at once; the store judges what was already sent. */
  lost(reason: string): void {
    const state = this.#state;
    this.#state = { kind: 'unowned' };
    if (state.kind === 'acquiring') state.limit.cancel();
    if (state.kind === 'owned')
      this.#engine.facts.emit({ type: 'lease-lost', key: this.#lease.key, token: state.token, reason });
    const actors = [...this.#actors.values()];
    this.#actors.clear();
    for (const actor of actors) actor.kill('LEASE_LOST');
    this.#lease.forfeit();
    this.#refuseWaiting();
  }

  /** As a crash does: nothing is given back. */
  close(reason: string): void {
    this.#lease.close();
    this.lost(reason);
  }

  #acquire(): void {
    const limit = this.#engine.clock.after(acquireForMs, () => {
      if (this.#state !== attempt) return;
      this.#state = { kind: 'unowned' };
      this.#track(this.#lease.forgo(), this.#lease.key);
      this.#refuseWaiting();
    });
    const attempt: ShardState = { kind: 'acquiring', limit };
    this.#state = attempt;
    this.#lease.want();
  }

  #granted(token: number): void {
    const state = this.#state;
    if (state.kind !== 'acquiring') return;
    state.limit.cancel();
    this.#state = { kind: 'owned', token };
    this.resume();
  }

  /** `stands` says whether this step is still the shard's state: a lost lease ends it. */
  async #leave(stands: () => boolean): Promise<void> {
    await Promise.all([...this.#actors.values()].map((actor) => actor.stop()));
    if (!stands()) return;
    await this.#lease.forgo();
    if (!stands()) return;
    this.#state = { kind: 'unowned' };
    if (this.waitingCount === 0) return;
    if (this.#host.candidate(this.number) === this.#engine.node) this.#acquire();
    else this.#refuseWaiting();
  }

  #refuseWaiting(): void {
    for (const { key, envelope } of this.#buffer.takeAll())
      this.#engine.close(envelope, 'refused', 'NO_OWNER', this.#address(key));
  }

  #hand(key: string, envelope: Envelope, token: number): void {
    const address = this.#address(key);
    const sleepsMs = this.#backoffMs(key);
    if (sleepsMs > 0) {
      const cause = new Error(`it failed too often and sleeps for ${Math.ceil(sleepsMs)} ms more`);
      this.#engine.close(envelope, 'refused', 'PASSIVATED', address, cause);
      return;
    }
    const actor = this.#actors.get(key) ?? this.#start(key, token);
    if (actor instanceof LoomError) {
      this.#engine.close(envelope, 'refused', actor.code, address, actor);
      return;
    }
    if (envelope instanceof AskEnvelope) envelope.gate = () => this.#holds(token);
    actor.take(envelope);
  }

  /** The started actor, or why it could not be. */
  #start(key: string, token: number): VirtualActor | LoomError {
    let actor: VirtualActor;
    try {
      actor = this.#host.start({
        key,
        leaseKey: this.#lease.key,
        token,
        mayAct: () => this.#holds(token),
      });
    } catch (thrown) {
      return LoomError.from(thrown, 'HANDLER_FAILED');
    }
    this.#actors.set(key, actor);
    actor.onEnded(({ reason }) => {
      if (this.#actors.get(key) !== actor) return;
      this.#actors.delete(key);
      if (reason === 'failed') this.#slowDown(key);
      this.resume();
    });
    return actor;
  }

  #holds(token: number): boolean {
    const state = this.#state;
    if (state.kind === 'handing-over') return this.#host.mayAct;
    return state.kind === 'owned' && state.token === token && this.#host.mayAct;
  }

  #slowDown(key: string): void {
    const backoff = this.#backoffs.get(key) ?? { failures: 0, untilMs: 0 };
    const waitMs = backoffMs(failureBackoff, backoff.failures, this.#engine.random.float());
    backoff.untilMs = this.#engine.clock.monotonicMs() + waitMs;
    backoff.failures++;
    this.#backoffs.set(key, backoff);
  }

  /** How long the key's actor may not start yet. */
  #backoffMs(key: string): number {
    const untilMs = this.#backoffs.get(key)?.untilMs ?? 0;
    return Math.max(0, untilMs - this.#engine.clock.monotonicMs());
  }

  #address(key: string): string {
    return `${this.#host.kind}/${key}`;
  }

  #track(step: Promise<void>, where: string): void {
    step.catch((error: unknown) => {
      this.#engine.facts.emit({ type: 'internal-error', where, error });
    });
  }
}
