import type { Checksum } from '../ports/checksum.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { MemberDescription, MembersView, Registry } from '../ports/registry.ts';
import type { Transport } from '../ports/transport.ts';
import type { ActorRef } from './actor-ref.ts';
import { ActorSystem } from './actor-system.ts';
import type { Protocol } from './definition.ts';
import type { FactListener } from './facts.ts';
import type { LinkOptions } from './link/link-options.ts';
import { Membership } from './membership.ts';
import { Router } from './router.ts';
import { ShardRegion, type ShardRegionOptions } from './shard-region.ts';

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

/** What a drain did: the steps, in order, and those that missed their limit. */
export interface DrainReport {
  readonly steps: readonly { readonly step: string; readonly tookMs: number; readonly overdue: boolean }[];
}

/** One node of a cluster: its actors, its links, its place in the registry, and the virtual actors that it may own. */
export class ClusterNode {
  readonly system: ActorSystem;
  readonly router: Router;
  readonly membership: Membership;
  readonly #regions = new Map<string, ShardRegion<Protocol>>();
  readonly #viewListeners = new Set<(view: MembersView) => void>();
  readonly #clock: Clock;

  private constructor(
    system: ActorSystem,
    options: ClusterNodeOptions,
    handle: Membership['handle'],
    joinSentMs: number,
  ) {
    this.system = system;
    this.#clock = options.clock;
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
          for (const region of this.#regions.values()) region.leasesDoubtful(reason);
        },
        good: () => this.#reconcile(),
        ended: () => {
          for (const region of this.#regions.values()) region.leasesDoubtful('the epoch has ended');
          options.ended();
        },
        viewed: (view) => {
          this.#reconcile();
          for (const listener of this.#viewListeners) listener(view);
        },
        gone: ({ node, epoch }) => this.router.epochEnded(node, epoch, 'its node’s epoch has ended'),
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

  /** A reference to a named actor, here or on another node. */
  ref<P extends Protocol>(protocol: P, node: string, path: string): ActorRef<P> {
    if (node !== this.node) return this.router.ref(protocol, node, path);
    return (this.system.find(path) as ActorRef<P> | undefined) ?? this.router.ref(protocol, node, path);
  }

  /** Entries minus exits of the ledger must equal this: what is on its way here. */
  inFlight(): number {
    let waiting = 0;
    for (const region of this.#regions.values()) waiting += region.waitingCount;
    return this.system.inFlight() + this.router.unacknowledged + waiting;
  }

  /**
   * Loses nothing: others stop sending, owned keys are handed over, actors finish their turns and stop in reverse
   * order, the epoch ends in order. Each step has `stepMs`; one that misses it is named in the report and passed over.
   */
  async drain(stepMs: number): Promise<DrainReport> {
    const steps: { step: string; tookMs: number; overdue: boolean }[] = [];
    const run = async (step: string, work: () => Promise<unknown>): Promise<void> => {
      const startMs = this.#clock.monotonicMs();
      this.system.facts.emit({ type: 'drain-step', step, state: 'begun' });
      const overdue = await this.#bounded(work(), stepMs);
      this.system.facts.emit({ type: 'drain-step', step, state: overdue ? 'overdue' : 'done' });
      steps.push({ step, tookMs: this.#clock.monotonicMs() - startMs, overdue });
    };
    await run('not serving', () => this.membership.handle.setState('draining'));
    await run('hand over', () => Promise.all([...this.#regions.values()].map((region) => region.drain())));
    await run('stop actors', () => this.system.close());
    await run('leave', () => this.membership.leave());
    this.router.close();
    return { steps };
  }

  /** Ends at once, as a crash does: no hook runs, nothing is released. */
  crash(): void {
    this.membership.close();
    this.membership.handle.close();
    for (const region of this.#regions.values()) region.close();
    this.system.crash();
    this.router.close();
  }

  #reconcile(): void {
    for (const region of this.#regions.values()) region.reconcile();
  }

  /** Answers true when `limitMs` came before the end of `work`; a failure counts as an end. */
  #bounded(work: Promise<unknown>, limitMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = this.#clock.after(limitMs, () => resolve(true));
      work.then(
        () => {
          timer.cancel();
          resolve(false);
        },
        (error: unknown) => {
          timer.cancel();
          this.system.facts.emit({ type: 'internal-error', where: 'drain', error });
          resolve(false);
        },
      );
    });
  }
}
