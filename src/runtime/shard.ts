import type { RegistryHandle } from '../ports/registry.ts';
import type { ActorRef } from './actor-ref.ts';
import type { Engine } from './cell.ts';
import { AskEnvelope, type Envelope, type EnvelopeHost, type TimedEnvelope } from './envelope.ts';
import type { LocalRef } from './local-ref.ts';
import { backoffMs } from './supervision.ts';

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
  /** Whether this node is named as the shard's owner. */
  candidate(shard: number): string | undefined;
  start(ownership: Ownership): ActorRef;
  stop(ref: ActorRef): Promise<void>;
  kill(ref: ActorRef): void;
}

type ShardState =
  | { readonly kind: 'unowned' }
  | { readonly kind: 'acquiring'; readonly sinceMs: number }
  | { readonly kind: 'owned'; readonly token: number }
  | { readonly kind: 'handing-over'; readonly done: Promise<void> };

/** A virtual actor that lives here; `stopping` holds what came while it was going to sleep. */
interface Live {
  readonly ref: LocalRef;
  usedAtMs: number;
  stopping: boolean;
}

interface Waiting {
  readonly key: string;
  readonly envelope: Envelope;
}

interface Backoff {
  failures: number;
  untilMs: number;
}

const acquireRetryMs = 100;
const acquireForMs = 15_000;
const failureBackoff = { minMs: 10, maxMs: 30_000, factor: 2, jitter: 0.2 };

/** One shard on the node that may own it: its lease, its actors, and what waits for either. */
export class Shard implements EnvelopeHost {
  readonly number: number;
  readonly #host: ShardHost;
  readonly #leaseKey: string;
  readonly #actors = new Map<string, Live>();
  readonly #backoffs = new Map<string, Backoff>();
  #state: ShardState = { kind: 'unowned' };
  #waiting: Waiting[] = [];

  constructor(number: number, host: ShardHost) {
    this.number = number;
    this.#host = host;
    this.#leaseKey = `shards/${host.kind}/${number}`;
  }

  get waitingCount(): number {
    return this.#waiting.filter(({ envelope }) => envelope.state === 'waiting').length;
  }

  get liveCount(): number {
    return this.#actors.size;
  }

  monotonicMs(): number {
    return this.#host.engine.clock.monotonicMs();
  }

  /** A message that waits here expired or was given up. */
  givenUp(envelope: TimedEnvelope, code: 'DEADLINE_EXCEEDED' | 'CANCELLED'): void {
    this.#host.engine.close(envelope, 'expired', code, this.#leaseKey);
  }

  deliver(key: string, envelope: Envelope): void {
    const state = this.#state;
    if (state.kind === 'owned' && this.#host.mayAct && this.#actors.get(key)?.stopping !== true) {
      this.#hand(key, envelope, state.token);
      return;
    }
    if (this.#waiting.length >= this.#host.maxWaiting) {
      this.#host.engine.close(envelope, 'refused', 'BUFFER_FULL', this.#address(key));
      return;
    }
    envelope.state = 'waiting';
    envelope.host = this;
    this.#waiting.push({ key, envelope });
    if (state.kind === 'unowned') this.#acquire();
  }

  /** Makes the key's actor run without a message. */
  wake(key: string): void {
    const state = this.#state;
    if (state.kind === 'unowned') this.#acquire();
    else if (state.kind === 'owned' && this.#host.mayAct && !this.#backedOff(key))
      this.#live(key, state.token);
  }

  /** Puts idle actors to sleep. */
  sweep(): void {
    const nowMs = this.monotonicMs();
    for (const [key, live] of this.#actors) {
      const idle = nowMs - live.usedAtMs >= this.#host.idleMs && live.ref.cell.turn === undefined;
      if (!idle || live.stopping || live.ref.cell.mailbox.count > 0) continue;
      live.stopping = true;
      this.#track(this.#host.stop(live.ref), `passivation of ${key}`);
    }
    for (const [key, backoff] of this.#backoffs) {
      if (nowMs - backoff.untilMs > failureBackoff.maxMs) this.#backoffs.delete(key);
    }
  }

  /** H2: stops the actors, refuses what waits, releases the lease. */
  handOver(): Promise<void> {
    const state = this.#state;
    if (state.kind === 'handing-over') return state.done;
    this.#refuseWaiting('NO_OWNER');
    if (state.kind !== 'owned') {
      if (state.kind === 'acquiring') this.#state = { kind: 'unowned' };
      return Promise.resolve();
    }
    const done = this.#release(state.token);
    this.#state = { kind: 'handing-over', done };
    return done;
  }

  async #release(token: number): Promise<void> {
    await Promise.all([...this.#actors.values()].map((live) => this.#host.stop(live.ref)));
    this.#actors.clear();
    try {
      await this.#host.registry.release(this.#leaseKey, token);
      this.#host.engine.facts.emit({ type: 'lease-released', key: this.#leaseKey, token });
    } catch (error) {
      this.#host.engine.facts.emit({ type: 'lease-lost', key: this.#leaseKey, token, reason: String(error) });
    }
    if (this.#state.kind === 'handing-over') this.#state = { kind: 'unowned' };
    if (this.#waiting.length > 0) this.#acquire();
  }

  /** H1: the lease may be gone. Everything here ends at once; the store judges what was already sent. */
  lost(reason: string): void {
    const state = this.#state;
    this.#state = { kind: 'unowned' };
    if (state.kind === 'owned') {
      this.#host.engine.facts.emit({ type: 'lease-lost', key: this.#leaseKey, token: state.token, reason });
    }
    const actors = [...this.#actors.values()];
    this.#actors.clear();
    for (const live of actors) this.#host.kill(live.ref);
    this.#refuseWaiting('NO_OWNER');
  }

  #acquire(): void {
    const attempt: ShardState = { kind: 'acquiring', sinceMs: this.monotonicMs() };
    this.#state = attempt;
    this.#track(this.#tryLease(attempt), `lease ${this.#leaseKey}`);
  }

  async #tryLease(attempt: ShardState & { readonly kind: 'acquiring' }): Promise<void> {
    const { engine, registry } = this.#host;
    while (this.#state === attempt) {
      let token: number | undefined;
      try {
        const answer = await registry.acquire(this.#leaseKey);
        if (answer.kind === 'granted') token = answer.token;
      } catch (error) {
        engine.facts.emit({ type: 'lease-lost', key: this.#leaseKey, token: 0, reason: String(error) });
      }
      if (this.#state !== attempt) {
        if (token !== undefined) await registry.release(this.#leaseKey, token);
        return;
      }
      if (token !== undefined && this.#host.mayAct) {
        this.#owned(token);
        return;
      }
      if (this.monotonicMs() - attempt.sinceMs > acquireForMs) {
        this.#state = { kind: 'unowned' };
        this.#refuseWaiting('NO_OWNER');
        return;
      }
      await new Promise<void>((resolve) => {
        engine.clock.after(acquireRetryMs, resolve);
      });
    }
  }

  #owned(token: number): void {
    this.#state = { kind: 'owned', token };
    this.#host.engine.facts.emit({ type: 'lease-acquired', key: this.#leaseKey, token });
    this.#admitWaiting();
  }

  #admitWaiting(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { key, envelope } of waiting) {
      if (envelope.state !== 'waiting') continue;
      envelope.state = 'new';
      this.deliver(key, envelope);
    }
  }

  #refuseWaiting(code: 'NO_OWNER'): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { key, envelope } of waiting) {
      if (envelope.state === 'waiting')
        this.#host.engine.close(envelope, 'refused', code, this.#address(key));
    }
  }

  #hand(key: string, envelope: Envelope, token: number): void {
    if (this.#backedOff(key)) {
      this.#host.engine.close(envelope, 'refused', 'PASSIVATED', this.#address(key));
      return;
    }
    if (envelope instanceof AskEnvelope) envelope.gate = () => this.#holds(token);
    const live = this.#live(key, token);
    live.usedAtMs = this.monotonicMs();
    live.ref.cell.offer(envelope);
  }

  #holds(token: number): boolean {
    const state = this.#state;
    if (state.kind === 'handing-over') return this.#host.mayAct;
    return state.kind === 'owned' && state.token === token && this.#host.mayAct;
  }

  #live(key: string, token: number): Live {
    const known = this.#actors.get(key);
    if (known !== undefined) return known;
    const ownership: Ownership = { key, leaseKey: this.#leaseKey, token, mayAct: () => this.#holds(token) };
    const live: Live = {
      ref: this.#host.start(ownership) as LocalRef,
      usedAtMs: this.monotonicMs(),
      stopping: false,
    };
    this.#actors.set(key, live);
    live.ref.onTerminated(({ reason }) => {
      if (this.#actors.get(key) !== live) return;
      this.#actors.delete(key);
      if (reason === 'failed') this.#failed(key);
      if (this.#state.kind === 'owned') this.#admitWaiting();
    });
    return live;
  }

  #failed(key: string): void {
    const nowMs = this.monotonicMs();
    const backoff = this.#backoffs.get(key) ?? { failures: 0, untilMs: 0 };
    backoff.untilMs = nowMs + backoffMs(failureBackoff, backoff.failures, this.#host.engine.random.float());
    backoff.failures++;
    this.#backoffs.set(key, backoff);
  }

  #backedOff(key: string): boolean {
    const backoff = this.#backoffs.get(key);
    return backoff !== undefined && this.monotonicMs() < backoff.untilMs;
  }

  #address(key: string): string {
    return `${this.#host.kind}/${key}`;
  }

  #track(step: Promise<void>, where: string): void {
    step.catch((error: unknown) => {
      this.#host.engine.facts.emit({ type: 'internal-error', where, error });
    });
  }
}
