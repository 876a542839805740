import { LoomError } from '../../ports/loom-error.ts';
import type {
  KeyValue,
  KeyValueOperation,
  LeaseAnswer,
  LeaseProof,
  LeaseRecord,
  MemberState,
  MembersView,
  RegistryHandle,
  RegistrySubscription,
  TransactionAnswer,
} from '../../ports/registry.ts';
import type { Change } from './change.ts';
import type { CommitLoop } from './commit-loop.ts';
import type { Deadlines } from './deadlines.ts';
import { acquire, type Decide, type Epoch, endEpoch, release, setState, transact } from './decisions.ts';
import { checkName, checkOperations } from './limits.ts';
import type { NodeLink } from './node-link.ts';
import type { Watches } from './watches.ts';

/**
 * A node's handle on the embedded registry. Reading and watching go on after the epoch has ended, so that the node
 * sees who took over; after `close` every call is STALE_INCARNATION. Values that it answers are shared, not copied:
 * nobody writes to them.
 */
export interface EmbeddedRegistryHandle extends RegistryHandle {
  /** Cuts the node off from the registry: this handle, and any other that the node has or asks for. */
  sever(): void;
  mend(): void;
}

/** The parts of the registry that a handle speaks to. */
export interface HandleParts {
  readonly loop: CommitLoop;
  readonly deadlines: Deadlines;
  readonly watches: Watches;
  readonly reserved: (token: number) => boolean;
}

export class EpochHandle implements EmbeddedRegistryHandle {
  readonly #parts: HandleParts;
  readonly #link: NodeLink;
  readonly #of: Epoch;
  readonly #subscriptions: Set<RegistrySubscription> = new Set();
  #closed = false;

  constructor(parts: HandleParts, link: NodeLink, of: Epoch) {
    this.#parts = parts;
    this.#link = link;
    this.#of = of;
  }

  get node(): string {
    return this.#of.node;
  }

  get epoch(): number {
    return this.#of.epoch;
  }

  get ttlMs(): number {
    return this.#parts.deadlines.ttlMs;
  }

  /** Does not wait for the disk: a slow one must not cost a node its leases. */
  renew(): Promise<void> {
    return this.#call(async () => {
      const { deadlines } = this.#parts;
      deadlines.sweep();
      if (!deadlines.renew(this.epoch)) {
        throw new LoomError('EPOCH_ENDED', `epoch ${this.epoch} of ${this.node} has ended`, {
          details: { node: this.node, epoch: this.epoch },
        });
      }
    });
  }

  setState(state: MemberState): Promise<void> {
    return this.#submit(setState(this.#of, state));
  }

  members(): Promise<MembersView> {
    return this.#call(async () => this.#parts.loop.view.membersView());
  }

  watchMembers(listener: (view: MembersView) => void): RegistrySubscription {
    const { view } = this.#parts.loop;
    const concerns = (change: Change): boolean =>
      change.kind === 'member-put' || change.kind === 'member-gone';
    return this.#watch(concerns, () => listener(view.membersView()));
  }

  acquire(key: string): Promise<LeaseAnswer> {
    return this.#submit(acquire(this.#of, key, this.#parts.reserved), () => checkName('key', key));
  }

  release(key: string, token: number): Promise<void> {
    return this.#submit(release(this.#of, key, token));
  }

  leases(prefix: string): Promise<readonly LeaseRecord[]> {
    return this.#call(async () => this.#parts.loop.view.leases(prefix));
  }

  get(key: string): Promise<KeyValue | undefined> {
    return this.#call(async () => this.#parts.loop.view.value(key));
  }

  list(prefix: string): Promise<readonly KeyValue[]> {
    return this.#call(async () => this.#parts.loop.view.values(prefix));
  }

  transact(operations: readonly KeyValueOperation[], lease?: LeaseProof): Promise<TransactionAnswer> {
    // Copied now: the caller may go on with its buffers before the call is judged.
    const own = operations.map((one) =>
      one.op === 'set' ? { ...one, value: one.value.slice() } : { ...one },
    );
    return this.#submit(transact(this.#of, own, lease), () => checkOperations(own));
  }

  watch(
    prefix: string,
    listener: (pairs: readonly KeyValue[], revision: number) => void,
  ): RegistrySubscription {
    const { view } = this.#parts.loop;
    const concerns = (change: Change): boolean =>
      (change.kind === 'value-set' || change.kind === 'value-deleted') && change.key.startsWith(prefix);
    return this.#watch(concerns, () => listener(view.values(prefix), view.counters.revision));
  }

  leave(): Promise<void> {
    return this.#submit(endEpoch(this.#of));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.close();
    this.#subscriptions.clear();
    this.#link.drop(this, this.#closedError());
  }

  sever(): void {
    this.#link.sever();
  }

  mend(): void {
    this.#link.mend();
    this.#parts.watches.wake();
  }

  #submit<Answer>(decide: Decide<Answer>, check?: () => void): Promise<Answer> {
    return this.#call(async () => {
      check?.();
      // What is due ends before this call is judged, whether or not the timer has had its turn.
      this.#parts.deadlines.sweep();
      return await this.#parts.loop.submit(decide);
    });
  }

  #call<Answer>(start: () => Promise<Answer>): Promise<Answer> {
    if (this.#closed) return Promise.reject(this.#closedError());
    return this.#link.call(this, async () => {
      this.#parts.loop.assertOpen();
      return await start();
    });
  }

  #watch(concerns: (change: Change) => boolean, tell: () => void): RegistrySubscription {
    if (this.#closed) throw this.#closedError();
    const inner = this.#parts.watches.add({ concerns, tell, ready: () => !this.#link.severed });
    this.#subscriptions.add(inner);
    return {
      close: () => {
        inner.close();
        this.#subscriptions.delete(inner);
      },
    };
  }

  #closedError(): LoomError {
    return new LoomError('STALE_INCARNATION', `the registry handle of ${this.node} is closed`);
  }
}
