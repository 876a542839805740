import type { Clock, TimerHandle } from '../ports/clock.ts';
import { LoomError } from '../ports/loom-error.ts';
import type { MembersView, RegistryHandle, RegistrySubscription } from '../ports/registry.ts';
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
  /** A renewal was confirmed after a time in which leases could not be acted upon: they can be again. */
  good(): void;
  ended(): void;
  viewed(view: MembersView): void;
}

/**
 * This node's place in the registry: renews the epoch, watches the others.
 *
 * N1. `mayAct` is false from `holdsUntilMs` after the sending of the last confirmed renewal, on the local clock, also
 *     when no timer could run in between (a frozen process).
 * N2. An ended epoch is told once, and nothing after it.
 * N3. Renewals go on at their times whether or not earlier ones were answered, and sooner after one that failed: the
 *     epoch is kept if the registry comes back before it has ended it.
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
  #lastSentMs: number;
  /** Renewals sent and not answered. */
  #unanswered = 0;
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
    this.#lastSentMs = joinSentMs;
    this.#holdsUntilMs = holdsUntilMs(this.times, joinSentMs);
    this.#armDoubt();
    this.#planRenewal(this.times.renewEveryMs);
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
    return this.#standing.kind === 'good' && this.#holds;
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

  get #holds(): boolean {
    return this.#clock.monotonicMs() < this.#holdsUntilMs;
  }

  #planRenewal(waitMs: number): void {
    this.#renewal?.cancel();
    this.#renewal = this.#clock.after(waitMs, () => {
      this.#planRenewal(this.times.renewEveryMs);
      this.#renew();
    });
  }

  /** One renewal at a time, or one in half a TTL when they are not answered. */
  #renew(): void {
    const sentMs = this.#clock.monotonicMs();
    if (this.#unanswered > 0 && sentMs - this.#lastSentMs < this.times.ttlMs / 2) return;
    this.#lastSentMs = sentMs;
    this.#unanswered++;
    this.handle.renew().then(
      () => {
        this.#unanswered--;
        this.#confirmed(sentMs);
      },
      (thrown: unknown) => {
        this.#unanswered--;
        if (this.#closed) return;
        if (LoomError.from(thrown).code === 'EPOCH_ENDED') this.#end();
        else this.#planRenewal(this.times.retryMs);
      },
    );
  }

  #confirmed(sentMs: number): void {
    if (this.#closed) return;
    const acted = this.mayAct;
    this.#holdsUntilMs = Math.max(this.#holdsUntilMs, holdsUntilMs(this.times, sentMs));
    if (!this.#holds) return;
    this.#armDoubt();
    if (acted) return;
    this.#standing = { kind: 'good' };
    this.#events.good();
  }

  #armDoubt(): void {
    this.#doubt?.cancel();
    this.#doubt = this.#clock.after(this.#holdsUntilMs - this.#clock.monotonicMs(), () => {
      if (this.#closed || this.#standing.kind !== 'good') return;
      const reason = `no renewal was confirmed for ${this.times.ttlMs - this.times.marginMs} ms`;
      this.#standing = { kind: 'doubtful', reason };
      this.#events.doubtful(reason);
    });
  }

  /** N2. */
  #end(): void {
    if (this.#closed) return;
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
    for (const { node, epoch } of before.members) {
      if (now.get(node) !== epoch) this.#facts.emit({ type: 'member-gone', node, epoch });
    }
    for (const { node, epoch } of view.members) {
      if (then.get(node) !== epoch) this.#facts.emit({ type: 'member-up', node, epoch });
    }
    this.#events.viewed(view);
  }
}
