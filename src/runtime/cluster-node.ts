import type { Checksum } from '../ports/checksum.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { MemberDescription, MembersView, Registry } from '../ports/registry.ts';
import type { Transport } from '../ports/transport.ts';
import type { ActorRef } from './actor-ref.ts';
import { ActorSystem } from './actor-system.ts';
import type { Protocol } from './definition.ts';
import { type DrainReport, drain } from './drain.ts';
import type { FactListener } from './facts.ts';
import type { LinkOptions } from './link/link-options.ts';
import { LocalPost } from './local-post.ts';
import { Membership } from './membership.ts';
import { RemoteRef } from './remote-ref.ts';
import { Router } from './router.ts';
import { ShardRegion, type ShardRegionOptions } from './shard-region.ts';

export type { DrainReport } from './drain.ts';

export interface ClusterNodeOptions {
  readonly member: MemberDescription;
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly registry: Registry;
  readonly guardWith?: Checksum;
  readonly link?: Partial<LinkOptions>;
  readonly onFact?: FactListener;
  /** The registry ended this node's epoch: the node must be crashed and joined again. */
  readonly ended: () => void;
  /** A failure that no supervisor answered. */
  readonly escalated: (error: unknown) => void;
}

/** One node of a cluster: its actors, its links, its place in the registry, and the virtual actors that it may own. */
export class ClusterNode {
  readonly system: ActorSystem;
  readonly router: Router;
  readonly membership: Membership;
  readonly #regions = new Map<string, ShardRegion<Protocol>>();
  readonly #viewListeners = new Set<(view: MembersView) => void>();
  readonly #here: LocalPost;
  readonly #clock: Clock;

  private constructor(
    system: ActorSystem,
    options: ClusterNodeOptions,
    handle: Membership['handle'],
    joinSentMs: number,
  ) {
    this.system = system;
    this.#clock = options.clock;
    this.#here = new LocalPost(system.engine, (path) => system.cellAt(path));
    this.router = new Router({
      engine: system.engine,
      transport: options.transport,
      inbox: {
        cellAt: (path) => system.cellAt(path),
        host: (kind) => this.#regions.get(kind),
      },
      ...(options.link === undefined ? {} : { link: options.link }),
    });
    this.membership = new Membership(
      handle,
      options.clock,
      system.facts,
      {
        doubtful: (reason) => {
          this.#eachRegion((region) => region.leasesDoubtful(reason));
        },
        good: () => this.#reconcile(),
        ended: () => {
          this.#eachRegion((region) => region.leasesDoubtful('the epoch has ended'));
          options.ended();
        },
        viewed: (view) => {
          this.router.viewed(view.members);
          this.#reconcile();
          for (const listener of this.#viewListeners) listener(view);
        },
      },
      joinSentMs,
    );
  }

  /** Joins the registry and starts the node's engine under the epoch that it was given. */
  static async join(options: ClusterNodeOptions): Promise<ClusterNode> {
    const joinSentMs = options.clock.monotonicMs();
    const handle = await options.registry.join(options.member);
    const system = new ActorSystem({
      node: options.member.node,
      epoch: handle.epoch,
      clock: options.clock,
      random: options.random,
      escalated: options.escalated,
      ...(options.guardWith === undefined ? {} : { guardWith: options.guardWith }),
    });
    if (options.onFact !== undefined) system.facts.listen(options.onFact);
    return new ClusterNode(system, options, handle, joinSentMs);
  }

  get node(): string {
    return this.system.node;
  }

  get epoch(): number {
    return this.system.engine.epoch;
  }

  /** Hears of each view of the members, beginning with the next. */
  onMembers(listener: (view: MembersView) => void): () => void {
    this.#viewListeners.add(listener);
    return () => {
      this.#viewListeners.delete(listener);
    };
  }

  /** Defines a kind of virtual actors. Every node of the cluster defines the same kinds. */
  region<P extends Protocol>(options: ShardRegionOptions<P>): ShardRegion<P> {
    const region = new ShardRegion(options, this.system, this.membership, this.router);
    this.#regions.set(options.kind, region as unknown as ShardRegion<Protocol>);
    region.reconcile();
    return region;
  }

  /** A reference to whoever lives at a path, here or on another node. */
  ref<P extends Protocol>(protocol: P, node: string, path: string): ActorRef<P> {
    if (node !== this.node) return this.router.ref(protocol, node, path);
    const target = { kind: 'named', path } as const;
    return new RemoteRef(protocol, { node, target, address: `${node}/${path}` }, this.#here);
  }

  /** Entries minus exits of the ledger must equal this: what is on its way here. */
  inFlight(): number {
    let waiting = 0;
    for (const region of this.#regions.values()) waiting += region.waitingCount;
    return this.system.inFlight() + this.router.unacknowledged + waiting;
  }

  /**
   * Loses nothing: others stop sending, owned keys are handed over, actors handle what waits and stop in reverse order,
   * replies reach their askers, the epoch ends in order. Each step has `stepMs`; one that misses it is named in the
   * report and passed over.
   */
  async drain(stepMs: number): Promise<DrainReport> {
    const plan = [
      { step: 'not serving', work: () => this.membership.handle.setState('draining') },
      { step: 'hand over', work: () => Promise.all(this.#eachRegion((region) => region.drain())) },
      {
        step: 'stop actors',
        work: () => this.#stopActors(stepMs),
        // Whoever waits for them is told before the links are flushed.
        passedOver: () => this.system.crash(),
      },
      { step: 'flush', work: () => this.router.flushed() },
      { step: 'leave', work: () => this.membership.leave() },
    ];
    const report = await drain(plan, stepMs, this.#clock, this.system.facts);
    this.system.crash();
    this.router.close();
    return report;
  }

  /** Ends at once, as a crash does: no hook runs, nothing is released, not another frame leaves. */
  crash(): void {
    this.router.crash();
    this.membership.close();
    this.membership.handle.close();
    this.#eachRegion((region) => region.close());
    this.system.crash();
  }

  async #stopActors(limitMs: number): Promise<void> {
    this.router.refuseNew();
    await this.system.drain(limitMs);
  }

  #eachRegion<T>(act: (region: ShardRegion<Protocol>) => T): T[] {
    return [...this.#regions.values()].map(act);
  }

  #reconcile(): void {
    this.#eachRegion((region) => region.reconcile());
  }
}
