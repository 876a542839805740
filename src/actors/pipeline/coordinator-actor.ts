import type { BulkAttachment } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { Random } from '../../ports/random.ts';
import type { Member, RegistryHandle } from '../../ports/registry.ts';
import type { ActorRef } from '../../runtime/actor-ref.ts';
import { type ActorContext, type Behavior, behavior, type Handlers } from '../../runtime/behavior.ts';
import type { Feed } from '../../runtime/feed.ts';
import type { Ownership } from '../../runtime/shard.ts';
import type { Deferred } from '../../runtime/turn.ts';
import { finishJob } from './finish-job.ts';
import { chunkRange } from './job-plan.ts';
import { JobProgressBoard } from './job-progress.ts';
import { JobStore } from './job-store.ts';
import { type ChunkRecord, Job, type JobHead, type JobProgress, type Keeper, type Work } from './messages.ts';
import { ReplicaPlan } from './replica-plan.ts';
import { WorkQueue, workPolicy } from './work-queue.ts';

export interface CoordinatorParts {
  readonly node: string;
  readonly registry: RegistryHandle;
  readonly random: Random;
  readonly bulk: BulkAttachment;
  readonly checksum: Checksum;
  readonly members: () => readonly Member[];
  readonly keeperOf: (node: string) => ActorRef<typeof Keeper>;
}

const tickMs = 500;
const avoidMs = 5000;
const pausedTicks = 4;
/** Free space is asked for again so often: a disk fills up and is freed while a job runs. */
const spaceTicks = 10;

interface Waiter {
  readonly node: string;
  readonly untilMs: number;
  readonly reply: Deferred<{ work?: Work | undefined; over: boolean }>;
}

/**
 * DistributionCoordinator of one job: a virtual actor, its key the job's id. The registry holds the truth; what is
 * here is a cache that a successor rebuilds.
 *
 * K1. A chunk is done only once its page is durable with this owner's lease; then `complete` is answered.
 * K2. Work leases are here alone: a successor knows none, and refuses what its predecessor's workers bring (FENCED)
 *     by the token.
 * K3. A job that cannot go on for want of nodes or of its source is paused with the reason, and goes on by itself.
 */
export function coordinator(ownership: Ownership, parts: CoordinatorParts): Behavior<typeof Job> {
  const setup = async (ctx: ActorContext<typeof Job>): Promise<Handlers<typeof Job>> => {
    const registry = ctx.port(parts.registry);
    const store = new JobStore(registry, { key: ownership.leaseKey, token: ownership.token }, ownership.key);
    const loaded = await store.load();
    return loaded === undefined
      ? absent(ownership.key)
      : new Coordinator(ctx, ownership, parts, store, loaded).handlers();
  };
  return behavior(Job, setup, { mailbox: { capacity: 4096 } });
}

function absent(key: string): Handlers<typeof Job> {
  const refuse = (): never => {
    throw new LoomError('NO_SUCH_JOB', key);
  };
  return {
    lease: refuse,
    renew: refuse,
    complete: refuse,
    fail: refuse,
    status: refuse,
    tick: () => undefined,
    progress: (_message, feed) => feed.fail(new LoomError('NO_SUCH_JOB', key)),
  };
}

class Coordinator {
  readonly #ctx: ActorContext<typeof Job>;
  readonly #ownership: Ownership;
  readonly #parts: CoordinatorParts;
  readonly #store: JobStore;
  readonly #queue: WorkQueue;
  readonly #plan: ReplicaPlan;
  readonly #board: JobProgressBoard;
  readonly #granted = new Map<number, Work>();
  #waiters: Waiter[] = [];
  #head: JobHead;
  #stuckTicks = 0;
  #ticks = 0;

  constructor(
    ctx: ActorContext<typeof Job>,
    ownership: Ownership,
    parts: CoordinatorParts,
    store: JobStore,
    loaded: { readonly head: JobHead; readonly records: ChunkRecord[] },
  ) {
    this.#ctx = ctx;
    this.#ownership = ownership;
    this.#parts = parts;
    this.#store = store;
    this.#head = loaded.head;
    this.#queue = new WorkQueue(loaded.records, workPolicy);
    this.#plan = new ReplicaPlan(loaded.head.replicas, loaded.head.minClouds);
    this.#board = new JobProgressBoard(() => this.#progress());
    for (const { stored } of loaded.records)
      this.#plan.count(stored?.replicas.map(({ node }) => node) ?? [], 1);
    if (this.#over) return;
    ctx.every(tickMs, (self) => self.tick({}));
    ctx.self.tell.tick({});
  }

  handlers(): Handlers<typeof Job> {
    return {
      lease: ({ node, waitMs }, turn) => {
        const work = this.#grant(node);
        if (work !== undefined || this.#over || waitMs === 0) return { work, over: this.#over };
        const reply = turn.defer();
        this.#waiters.push({ node, untilMs: this.#nowMs + waitMs, reply });
        return reply;
      },
      renew: ({ token, index }) => {
        this.#checkToken(token.coordinator);
        if (!this.#queue.renew(index, token.attempt, this.#nowMs)) throw this.#fenced(index, token.attempt);
        return {};
      },
      complete: async ({ token, index, stored }) => {
        this.#checkToken(token.coordinator);
        if (!this.#queue.holds(index, token.attempt)) throw this.#fenced(index, token.attempt);
        const done: ChunkRecord = { ...this.#queue.record(index), state: 'done', stored };
        const records = this.#queue.records.with(index, done);
        await this.#store.savePage(index, records);
        this.#queue.completed(index, done);
        this.#granted.delete(index);
        this.#running();
        if (this.#queue.over) this.#ctx.self.tell.tick({});
        this.#board.changed();
        return {};
      },
      fail: async ({ token, index, kind, code, reason, badNode }) => {
        this.#checkToken(token.coordinator);
        if (!this.#queue.holds(index, token.attempt)) throw this.#fenced(index, token.attempt);
        if (badNode !== undefined) this.#plan.avoid(badNode, this.#nowMs + avoidMs);
        if (kind === 'source-changed') await this.#end('failed', 'SOURCE_CHANGED', reason);
        else await this.#failed(index, kind, reason);
        if (kind === 'source-unreachable') this.#pause(code, reason);
        this.#board.changed();
        return {};
      },
      status: () => this.#progress(),
      progress: (_message, feed: Feed<JobProgress>) => {
        this.#board.add(feed);
        if (this.#over) this.#board.end();
      },
      tick: () => this.#tick(),
    };
  }

  get #nowMs(): number {
    return this.#ctx.monotonicMs();
  }

  get #over(): boolean {
    return this.#head.state === 'done' || this.#head.state === 'failed' || this.#head.state === 'cancelled';
  }

  async #tick(): Promise<void> {
    if (this.#over) return;
    if (this.#ticks++ % spaceTicks === 0) this.#askSpace();
    for (const { index, lease } of this.#queue.expired(this.#nowMs)) {
      await this.#failed(index, 'lost', `${lease.node} did not renew its lease`);
    }
    if (this.#queue.over) {
      await this.#finish();
      return;
    }
    this.#serveWaiters();
  }

  /** Gives what waits its work, or after its time nothing. */
  #serveWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (!waiter.reply.wanted) continue;
      const work = this.#grant(waiter.node);
      if (work !== undefined || this.#over || this.#nowMs >= waiter.untilMs)
        waiter.reply.resolve({ work, over: this.#over });
      else this.#waiters.push(waiter);
    }
  }

  /** distribute_work: the next chunk for a node, with a place for each of its copies. */
  #grant(node: string): Work | undefined {
    if (this.#over) return undefined;
    const members = this.#parts.members();
    const worker = members.find((member) => member.node === node && member.state === 'ready');
    if (worker === undefined) return undefined;
    const index = this.#queue.next(
      node,
      members.map((member) => member.node),
      this.#nowMs,
    );
    if (index === undefined) return undefined;
    const head = this.#head;
    const range = chunkRange(index, head.bytes, head.chunkBytes);
    const choice = this.#plan.choose(`${head.dataset}/${index}`, range.bytes, worker, members, this.#nowMs);
    if (choice.kind === 'refused') {
      this.#pause(choice.code, choice.detail);
      return undefined;
    }
    const lease = this.#queue.grant(index, node, this.#nowMs);
    this.#plan.count(
      choice.targets.map((target) => target.node),
      1,
    );
    this.#running();
    const work: Work = {
      token: { coordinator: this.#ownership.token, attempt: lease.attempt },
      chunk: {
        dataset: head.dataset,
        name: head.name,
        job: head.id,
        index,
        chunkCount: head.chunkCount,
        sourceOffset: range.offset,
        sourceBytes: range.bytes,
        blockBytes: head.blockBytes,
        transform: head.transform,
      },
      source: head.source,
      targets: choice.targets.map((target) => ({
        node: target.node,
        cloud: target.cloud,
        from: target.from,
      })),
      leaseMs: workPolicy.leaseMs,
    };
    this.#granted.set(index, work);
    return work;
  }

  async #failed(
    index: number,
    kind: 'transform' | 'lost' | 'source-unreachable',
    reason: string,
  ): Promise<void> {
    this.#plan.count(this.#granted.get(index)?.targets.map(({ node }) => node) ?? [], -1);
    this.#granted.delete(index);
    const { durable } = this.#queue.failed(index, kind, reason, this.#nowMs, this.#parts.random.float());
    if (durable) await this.#store.savePage(index, this.#queue.records);
    if (this.#queue.over) this.#ctx.self.tell.tick({});
  }

  async #finish(): Promise<void> {
    const bad = this.#queue.records.findIndex((record) => record.state === 'quarantined');
    if (bad >= 0) {
      const reason = `chunk ${bad} was given up: ${this.#queue.record(bad).reason ?? 'no reason'}`;
      await this.#end('failed', 'HANDLER_FAILED', reason);
      return;
    }
    const stored = await finishJob(this.#head, this.#queue.records, {
      node: this.#parts.node,
      bulk: this.#ctx.port(this.#parts.bulk),
      checksum: this.#parts.checksum,
      members: this.#parts.members(),
      keeperOf: (node) => this.#ctx.to(this.#parts.keeperOf(node)),
    }).catch((thrown: unknown) => {
      const error = LoomError.from(thrown);
      this.#pause(error.code, error.message);
      return undefined;
    });
    if (stored === undefined) return;
    const head: JobHead = {
      ...this.#head,
      state: 'done',
      code: undefined,
      reason: undefined,
      manifest: stored.manifest,
    };
    await this.#store.end(head, stored);
    this.#ended(head);
  }

  async #end(state: 'failed' | 'cancelled', code: string, reason: string): Promise<void> {
    const head: JobHead = { ...this.#head, state, code, reason };
    await this.#store.end(head, undefined);
    this.#ended(head);
    const { dataset } = head;
    for (const { node } of this.#parts.members()) {
      // What a keeper that cannot be reached now keeps is found by the next comparison of chunk lists.
      this.#ctx.pipe(
        this.#ctx.to(this.#parts.keeperOf(node)).attempt.forgetDataset({ dataset }),
        () => undefined,
      );
    }
  }

  #ended(head: JobHead): void {
    this.#head = head;
    this.#serveWaiters();
    this.#board.end();
  }

  #pause(code: string, reason: string): void {
    if (this.#over || ++this.#stuckTicks < pausedTicks) return;
    this.#head = { ...this.#head, state: 'paused', code, reason };
    this.#board.changed();
  }

  #running(): void {
    this.#stuckTicks = 0;
    if (this.#head.state !== 'paused') return;
    this.#head = { ...this.#head, state: 'running', code: undefined, reason: undefined };
  }

  /** Free space weighs the placement; a keeper that does not answer keeps its last figure. */
  #askSpace(): void {
    for (const { node } of this.#parts.members()) {
      this.#ctx.pipe(
        this.#ctx.aside(this.#parts.keeperOf(node)).ask.space({}, { deadlineMs: 5000 }),
        (answer) => {
          if (answer.ok) this.#plan.free(node, answer.value.freeBytes);
        },
      );
    }
  }

  #progress(): JobProgress {
    const { id, name, state, reason, code, bytes, chunkCount } = this.#head;
    let bytesDone = 0;
    for (const { stored } of this.#queue.records) bytesDone += stored?.storedBytes ?? 0;
    return {
      job: id,
      name,
      state,
      ...(reason === undefined ? {} : { reason }),
      ...(code === undefined ? {} : { code }),
      bytes,
      bytesDone,
      chunks: chunkCount,
      chunksDone: this.#queue.doneCount,
      chunksLeased: this.#queue.leasedCount,
      retries: this.#queue.retries,
    };
  }

  #checkToken(coordinator: number): void {
    if (coordinator === this.#ownership.token) return;
    throw new LoomError('FENCED', `token ${coordinator} is not ${this.#ownership.token}, this coordinator's`);
  }

  #fenced(index: number, attempt: number): LoomError {
    return new LoomError('FENCED', `attempt ${attempt} at chunk ${index} is over`);
  }
}
