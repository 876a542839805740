import type { ChunkRecord, FailureKind } from './messages.ts';

/**
 * Which chunk may be tried by whom, and what a try's end means: the decisions of a coordinator, without time of its
 * own, messages or storage.
 *
 * Q1. At most one live lease a chunk; a lease ends by complete, fail, or its time (Q4).
 * Q2. Three failures of the transform, or ten losses (node, lease, replica target), quarantine a chunk. A source that
 *     is away counts as nothing.
 * Q3. A try goes to a node that has not tried the chunk; one that has may repeat only when all live nodes have.
 * Q4. Attempts grow for as long as the queue lives; an attempt that is not the live lease's is refused.
 */
export class WorkQueue {
  readonly #records: ChunkRecord[];
  readonly #policy: WorkPolicy;
  readonly #waiting = new Set<number>();
  readonly #leases = new Map<number, WorkLease>();
  readonly #notBeforeMs = new Map<number, number>();
  #nextAttempt = 1;
  #done = 0;
  #quarantined = 0;
  #retries = 0;

  constructor(records: ChunkRecord[], policy: WorkPolicy) {
    this.#records = records;
    this.#policy = policy;
    for (const [index, record] of records.entries()) {
      if (record.state === 'waiting') this.#waiting.add(index);
      else if (record.state === 'done') this.#done++;
      else this.#quarantined++;
    }
  }

  get doneCount(): number {
    return this.#done;
  }

  get quarantinedCount(): number {
    return this.#quarantined;
  }

  get leasedCount(): number {
    return this.#leases.size;
  }

  get retries(): number {
    return this.#retries;
  }

  get over(): boolean {
    return this.#done + this.#quarantined === this.#records.length;
  }

  record(index: number): ChunkRecord {
    return this.#records[index] as ChunkRecord;
  }

  get records(): readonly ChunkRecord[] {
    return this.#records;
  }

  lease(index: number): WorkLease | undefined {
    return this.#leases.get(index);
  }

  /** The chunk that `node` may try now, lowest first. `live`: all nodes that could. */
  next(node: string, live: readonly string[], nowMs: number): number | undefined {
    for (const index of this.#waiting) {
      if ((this.#notBeforeMs.get(index) ?? 0) > nowMs) continue;
      const { tried } = this.record(index);
      if (tried.includes(node) && live.some((other) => !tried.includes(other))) continue;
      return index;
    }
    return undefined;
  }

  grant(index: number, node: string, nowMs: number): WorkLease {
    const lease: WorkLease = { attempt: this.#nextAttempt++, node, untilMs: nowMs + this.#policy.leaseMs };
    this.#waiting.delete(index);
    this.#notBeforeMs.delete(index);
    this.#leases.set(index, lease);
    return lease;
  }

  renew(index: number, attempt: number, nowMs: number): boolean {
    const lease = this.#leases.get(index);
    if (lease?.attempt !== attempt) return false;
    this.#leases.set(index, { ...lease, untilMs: nowMs + this.#policy.leaseMs });
    return true;
  }

  /** True when the attempt is the live lease's: then the result may be made durable, and `completed` called. */
  holds(index: number, attempt: number): boolean {
    return this.#leases.get(index)?.attempt === attempt;
  }

  completed(index: number, record: ChunkRecord): void {
    this.#leases.delete(index);
    this.#records[index] = record;
    this.#done++;
  }

  /** The record after a failed try. The caller makes it durable when `durable` says so. */
  failed(
    index: number,
    kind: FailureKind,
    reason: string,
    nowMs: number,
    random: number,
  ): { readonly durable: boolean } {
    const lease = this.#leases.get(index);
    this.#leases.delete(index);
    const before = this.record(index);
    if (kind === 'source-unreachable' || kind === 'source-changed') {
      this.#wait(index, nowMs + this.#policy.sourceRetryMs);
      return { durable: false };
    }
    const failures = before.failures + (kind === 'transform' ? 1 : 0);
    const losses = before.losses + (kind === 'lost' ? 1 : 0);
    const tried =
      lease === undefined || before.tried.includes(lease.node) ? before.tried : [...before.tried, lease.node];
    const quarantined = failures >= this.#policy.maxFailures || losses >= this.#policy.maxLosses;
    this.#records[index] = {
      ...before,
      state: quarantined ? 'quarantined' : 'waiting',
      failures,
      losses,
      tried,
      reason,
    };
    this.#retries++;
    if (quarantined) this.#quarantined++;
    else this.#wait(index, nowMs + this.#backoffMs(failures + losses, random));
    return { durable: true };
  }

  /** Leases whose time has passed. */
  expired(nowMs: number): readonly { readonly index: number; readonly lease: WorkLease }[] {
    return [...this.#leases]
      .filter(([, lease]) => lease.untilMs <= nowMs)
      .map(([index, lease]) => ({ index, lease }));
  }

  #wait(index: number, notBeforeMs: number): void {
    this.#waiting.add(index);
    this.#notBeforeMs.set(index, notBeforeMs);
  }

  /** Exponential with full jitter. */
  #backoffMs(tries: number, random: number): number {
    const { backoffMinMs, backoffMaxMs } = this.#policy;
    return random * Math.min(backoffMaxMs, backoffMinMs * 2 ** Math.min(tries, 20));
  }
}

export interface WorkLease {
  readonly attempt: number;
  readonly node: string;
  readonly untilMs: number;
}

export interface WorkPolicy {
  /** How long a try may go on without a renewal; default 5,000. */
  readonly leaseMs: number;
  /** Failures of the transform that quarantine a chunk; default 3. */
  readonly maxFailures: number;
  /** Losses that quarantine a chunk; default 10. */
  readonly maxLosses: number;
  readonly backoffMinMs: number;
  readonly backoffMaxMs: number;
  /** Before a source that was away is tried again; default 1,000. */
  readonly sourceRetryMs: number;
}

export const workPolicy: WorkPolicy = Object.freeze({
  leaseMs: 5000,
  maxFailures: 3,
  maxLosses: 10,
  backoffMinMs: 50,
  backoffMaxMs: 5000,
  sourceRetryMs: 1000,
});
