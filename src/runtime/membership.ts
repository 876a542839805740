import type { Clock, TimerHandle } from '../ports/clock.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { Member, MembersView, RegistryHandle, RegistrySubscription } from '../ports/registry.ts';
import type { Facts } from './facts.ts';
import { holdsUntilMs, type LeaseTimes, leaseTimes } from './lease.ts';

/** Whether what this node holds in the registry may be acted upon. */
export type Standing =
  | { readonly kind: 'good' }
  /** No renewal was confirmed in time: leases must be treated as lost until one is. */
  | { readonly kind: 'doubtful'; readonly reason: string }
  /** The registry has ended this epoch: the node must begin again under a new one. */
  | { readonly kind: 'ended' };

export interface MembershipEvents {
  /** Some leases may be gone: whatever they protect stops now. */
  doubtful(reason: string): void;
  /** A renewal was confirmed again and the epoch lives: leases that were let go may be taken again. */
  good(): void;
  ended(): void;
  viewed(view: MembersView): void;
  /** The epoch of another member has ended. */
  gone(member: Member): void;
}

/**
 * This node's place in the registry: renews the epoch, watches the others.
 *
 * N1. `mayAct` is false from `holdsUntilMs` after the sending of the last confirmed renewal, on the local clock, also
 *     when no timer could run in between (a frozen process).
 * N2. An ended epoch is told once, and nothing after it.
 * N3. A member is told as gone once for each epoch: when it is missing from a view or has a newer epoch.
 */
export class Membership {
  readonly handle: RegistryHandle;
  readonly times: LeaseTimes;
  readonly #clock: Clock;
  readonly #facts: Facts;
  readonly #events: MembershipEvents;
  readonly #subscription: RegistrySubscription;
  #view: MembersView = { revision: 0, members: [] };
  #standing: Standing = { kind: 'good' };
  #holdsUntilMs: number;
  #renewal: TimerHandle | undefined = undefined;
  #doubt: TimerHandle | undefined = undefined;
  #closed = false;

  constructor(
    handle: RegistryHandle,
    clock: Clock,
    facts: Facts,
    events: MembershipEvents,
    joinSentMs: number,
  ) {
    this.handle = handle;
    this.times = leaseTimes(handle.ttlMs);
    this.#clock = clock;
    this.#facts = facts;
    this.#events = events;
    this.#holdsUntilMs = holdsUntilMs(this.times, joinSentMs);
    this.#armDoubt();
    this.#planRenewal();
    this.#subscription = handle.watchMembers((view) => this.#viewed(view));
  }

  get standing(): Standing {
    return this.#standing;
  }

  get view(): MembersView {
    return this.#view;
  }

  /** True while leases of this epoch may be acted upon (N1). */
  get mayAct(): boolean {
    return this.#standing.kind === 'good' && this.#clock.monotonicMs() < this.#holdsUntilMs;
  }

  /** Leaves in order: leases end and others see it at once. */
  async leave(): Promise<void> {
    this.close();
    await this.handle.leave();
  }

  /** Stops renewing without telling the registry, as a crash does. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#renewal?.cancel();
    this.#doubt?.cancel();
    this.#subscription.close();
  }

  #planRenewal(): void {
    if (this.#closed) return;
    this.#renewal = this.#clock.after(this.times.renewEveryMs, () => {
      this.#renew().catch((error: unknown) => {
        this.#facts.emit({ type: 'internal-error', where: 'renewal', error });
      });
    });
  }

  async #renew(): Promise<void> {
    const sentMs = this.#clock.monotonicMs();
    try {
      await this.handle.renew();
      if (this.#closed || this.#standing.kind === 'ended') return;
      this.#holdsUntilMs = holdsUntilMs(this.times, sentMs);
      this.#armDoubt();
      if (this.#standing.kind === 'doubtful' && this.#confirmed) {
        this.#standing = { kind: 'good' };
        this.#events.good();
      }
    } catch (thrown) {
      if (this.#closed) return;
      if (LoomError.from(thrown).code === 'EPOCH_ENDED') this.#end();
    }
    if (this.#standing.kind !== 'ended') this.#planRenewal();
  }

  get #confirmed(): boolean {
    return this.#clock.monotonicMs() < this.#holdsUntilMs;
  }

  #armDoubt(): void {
    this.#doubt?.cancel();
    const waitMs = Math.max(0, this.#holdsUntilMs - this.#clock.monotonicMs());
    this.#doubt = this.#clock.after(waitMs, () => {
      if (this.#closed || this.#standing.kind !== 'good') return;
      const reason = `no renewal was confirmed for ${this.times.ttlMs} ms`;
      this.#standing = { kind: 'doubtful', reason };
      this.#events.doubtful(reason);
    });
  }

  #end(): void {
    if (this.#standing.kind === 'ended') return;
    this.#standing = { kind: 'ended' };
    this.close();
    this.#events.ended();
  }

  #viewed(view: MembersView): void {
    if (this.#closed) return;
    const before = this.#view;
    this.#view = view;
    const now = new Map(view.members.map((member) => [member.node, member.epoch]));
    const then = new Map(before.members.map((member) => [member.node, member.epoch]));
    for (const member of before.members) {
      if (now.get(member.node) === member.epoch) continue;
      this.#facts.emit({ type: 'member-gone', node: member.node, epoch: member.epoch });
      this.#events.gone(member);
    }
    for (const { node, epoch } of view.members) {
      if (then.get(node) !== epoch) this.#facts.emit({ type: 'member-up', node, epoch });
    }
    this.#events.viewed(view);
  }
}
