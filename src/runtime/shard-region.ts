import { candidateOf, shardOf } from '../placement/owner-of.ts';
import type { TimerHandle } from '../ports/clock.ts';
import type { ActorRef } from './actor-ref.ts';
import type { ActorSystem } from './actor-system.ts';
import { type Behavior, behavior } from './behavior.ts';
import type { Protocol } from './definition.ts';
import type { Envelope } from './envelope.ts';
import type { Membership } from './membership.ts';
import { protocol } from './protocol.ts';
import type { VirtualInbox } from './reception.ts';
import type { Router } from './router.ts';
import { type Ownership, Shard, type ShardHost } from './shard.ts';
import { ShardGate } from './shard-gate.ts';
import type { SupervisionOptions } from './supervision.ts';
import { VirtualActor } from './virtual-actor.ts';
import { type VirtualPost, VirtualRef } from './virtual-ref.ts';

export interface ShardRegionOptions<P extends Protocol> {
  readonly kind: string;
  readonly protocol: P;
  readonly behavior: (ownership: Ownership) => Behavior<P>;
  /** Shards of the kind, the same on every node; default 256. */
  readonly shards?: number;
  /** A virtual actor without messages for so long is put to sleep; default 60,000; Infinity for never. */
  readonly idleMs?: number;
  /** Messages that may wait in one shard for its lease; default 1,000. */
  readonly maxWaiting?: number;
  /** Asks of this node that may wait for an owner at once; default 1,000. */
  readonly maxWaitingAsks?: number;
  /** How often an actor may be restarted before it is put to sleep and refused for a while; as for any supervisor. */
  readonly supervise?: Partial<SupervisionOptions>;
  /** A key that the node it belongs to keeps running without being asked: a cluster singleton. */
  readonly eagerKey?: string;
}

const Host = protocol('shard-host', {});

/**
 * The virtual actors of one kind, on one node: where their messages go, and those that live here.
 *
 * H1. A shard's actors run only while this node holds its lease and may act on it; at doubt they are killed first.
 * H2. Only the node that rendezvous hashing names tries a shard's lease. A holder that is no longer named hands over:
 *     it stops its actors, then releases; the successor acquires before it starts any.
 * H3. What waits is bounded by `maxWaiting` a shard, and is refused when the lease cannot be had in time.
 */
export class ShardRegion<P extends Protocol> implements VirtualInbox, VirtualPost, ShardHost {
  readonly kind: string;
  readonly protocol: P;
  readonly engine: ActorSystem['engine'];
  readonly maxWaiting: number;
  readonly idleMs: number;
  readonly #options: ShardRegionOptions<P>;
  readonly #system: ActorSystem;
  readonly #membership: Membership;
  readonly #router: Router;
  readonly #hostRef: ActorRef;
  readonly #shards = new Map<number, Shard>();
  #waitingAsks = 0;
  #sweep: TimerHandle | undefined = undefined;
  #accepting = true;

  constructor(options: ShardRegionOptions<P>, system: ActorSystem, membership: Membership, router: Router) {
    this.kind = options.kind;
    this.protocol = options.protocol;
    this.engine = system.engine;
    this.maxWaiting = options.maxWaiting ?? 1000;
    this.idleMs = options.idleMs ?? 60_000;
    this.#options = options;
    this.#system = system;
    this.#membership = membership;
    this.#router = router;
    this.#hostRef = system.spawn(
      behavior(Host, () => ({})),
      { name: `shards-${options.kind}` },
    );
    this.#planSweep();
  }

  get random(): VirtualPost['random'] {
    return this.engine.random;
  }

  ref(key: string): ActorRef<P> {
    return new VirtualRef(this.protocol, key, this);
  }

  owner(key: string): ActorRef | undefined {
    const candidate = this.candidate(shardOf(key, this.#options.shards));
    if (candidate === undefined) return undefined;
    if (candidate === this.engine.node)
      return new ShardGate(this.protocol, this.kind, key, this, this.engine);
    return this.#router.virtualRef(this.protocol, candidate, this.kind, key);
  }

  candidate(shard: number): string | undefined {
    return candidateOf(this.kind, shard, this.#membership.view.members);
  }

  enterWait(): boolean {
    if (this.#waitingAsks >= (this.#options.maxWaitingAsks ?? 1000)) return false;
    this.#waitingAsks++;
    return true;
  }

  leaveWait(): void {
    this.#waitingAsks--;
  }

  deliver(key: string, envelope: Envelope): void {
    const number = shardOf(key, this.#options.shards);
    const address = `${this.kind}/${key}`;
    if (!this.#accepting) this.engine.close(envelope, 'refused', 'NODE_DRAINING', address);
    else if (this.candidate(number) !== this.engine.node)
      this.engine.close(envelope, 'refused', 'NO_OWNER', address);
    else this.#shard(number).deliver(key, envelope);
  }

  get mayAct(): boolean {
    return this.#membership.mayAct;
  }

  get registry(): Membership['handle'] {
    return this.#membership.handle;
  }

  start(ownership: Ownership): VirtualActor {
    const make = (): Behavior => this.#options.behavior(ownership) as unknown as Behavior;
    return new VirtualActor(
      this.#system,
      this.#hostRef,
      make,
      () => ownership.mayAct(),
      this.#options.supervise,
    );
  }

  /** The members changed, or leases may be acted upon again: gives away what is no longer ours, goes on with the rest. */
  reconcile(): void {
    if (!this.#accepting) return;
    for (const shard of this.#shards.values()) {
      if (this.candidate(shard.number) === this.engine.node) shard.resume();
      else this.#track(shard.handOver());
    }
    const { eagerKey } = this.#options;
    if (eagerKey === undefined) return;
    const number = shardOf(eagerKey, this.#options.shards);
    if (this.candidate(number) === this.engine.node) this.#shard(number).wake(eagerKey);
  }

  /** H1: leases may be gone. */
  leasesDoubtful(reason: string): void {
    for (const shard of this.#shards.values()) shard.lost(reason);
  }

  /** Hands every shard over and takes no more; resolves when all leases are released. */
  async drain(): Promise<void> {
    this.#accepting = false;
    this.#sweep?.cancel();
    await Promise.all([...this.#shards.values()].map((shard) => shard.handOver()));
  }

  close(): void {
    this.#accepting = false;
    this.#sweep?.cancel();
    for (const shard of this.#shards.values()) shard.close('the node closes');
  }

  /** Messages that wait here, for a lease or for an actor that is leaving. */
  get waitingCount(): number {
    let count = 0;
    for (const shard of this.#shards.values()) count += shard.waitingCount;
    return count;
  }

  /** Virtual actors that live here now. */
  get liveCount(): number {
    let count = 0;
    for (const shard of this.#shards.values()) count += shard.liveCount;
    return count;
  }

  #shard(number: number): Shard {
    let shard = this.#shards.get(number);
    if (shard === undefined) {
      shard = new Shard(number, this);
      this.#shards.set(number, shard);
    }
    return shard;
  }

  #planSweep(): void {
    this.#sweep = this.engine.clock.after(Math.min(this.idleMs / 2, sweepMs), () => {
      this.#planSweep();
      for (const shard of this.#shards.values()) shard.sweep();
      this.reconcile();
    });
  }

  #track(step: Promise<void>): void {
    step.catch((error: unknown) => {
      this.engine.facts.emit({ type: 'internal-error', where: `hand-over of ${this.kind}`, error });
    });
  }
}

const sweepMs = 1000;
