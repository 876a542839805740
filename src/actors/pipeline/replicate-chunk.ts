import type { BulkAttachment, BulkBlock } from '../../ports/bulk.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { BoundRef } from '../../runtime/behavior.ts';
import { BlockBroadcast } from './block-broadcast.ts';
import type { ChunkSeal, Keeper, Work } from './messages.ts';

export interface ReplicationParts {
  readonly node: string;
  readonly work: Work;
  readonly bulk: BulkAttachment;
  readonly keeperOf: (node: string) => BoundRef<typeof Keeper>;
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
}

/** A target's failure, so that the coordinator can pass it over. */
export class TargetFailed extends LoomError {
  readonly target: string;

  constructor(target: string, cause: LoomError) {
    super(cause.code, `${target}: ${cause.message}`, { cause });
    this.target = target;
  }
}

/**
 * replicate_data: the copies of one chunk, while its bytes pass.
 *
 * L1. Targets that pull from this worker stage the same blocks at the same time; the slowest sets the pace, and no
 *     more than the broadcast's window is held.
 * L2. Nothing is committed before all bytes have passed and been checked; then those targets commit, and each target
 *     in a cloud that has its copy now pulls from there: one copy crosses each border.
 * L3. What was staged and not committed is discarded.
 */
export class Replication {
  readonly #parts: ReplicationParts;
  readonly #broadcast: BlockBroadcast;
  readonly #ticket: { readonly node: string; readonly ticket: string };
  readonly #stages: readonly { readonly node: string; readonly staged: Promise<string> }[];

  constructor(parts: ReplicationParts) {
    this.#parts = parts;
    const { work, node, bulk } = parts;
    const direct = work.targets.filter((target) => target.from === node || target.node === node);
    this.#broadcast = new BlockBroadcast({ pullers: direct.length });
    this.#ticket = bulk.offer(this.#broadcast);
    this.#stages = direct.map((target) => ({ node: target.node, staged: this.#stage(target.node) }));
  }

  /** Throws what the first failed target said: its pull may end before its answer does. */
  async push(block: BulkBlock): Promise<void> {
    try {
      await this.#broadcast.push(block, this.#parts.signal);
    } catch (thrown) {
      this.#broadcast.fail(LoomError.from(thrown));
      for (const stage of await Promise.allSettled(this.#stages.map(({ staged }) => staged))) {
        if (stage.status === 'rejected' && stage.reason instanceof TargetFailed) throw stage.reason;
      }
      throw thrown;
    }
  }

  /** All bytes have passed: makes every copy durable and answers where they are. */
  async commit(seal: ChunkSeal): Promise<readonly { readonly node: string; readonly cloud: string }[]> {
    const { work, keeperOf, deadlineMs } = this.#parts;
    this.#broadcast.finish();
    const { token, chunk } = work;
    await Promise.all(
      this.#stages.map(async ({ node, staged }) => {
        const name = await staged;
        await blamed(node, keeperOf(node).ask.commit({ staged: name, seal, token }, { deadlineMs }));
      }),
    );
    const relayed = work.targets.filter(({ node }) => !this.#stages.some((stage) => stage.node === node));
    for (const target of relayed) {
      const copy = { chunk, seal, fromNode: target.from, token };
      await blamed(target.node, keeperOf(target.node).ask.copy(copy, { deadlineMs }));
    }
    return work.targets.map(({ node, cloud }) => ({ node, cloud }));
  }

  /** Ends the offer; with an error, also what was staged. */
  async close(error: LoomError | undefined): Promise<void> {
    if (error !== undefined) {
      this.#broadcast.fail(error);
      for (const { node, staged } of this.#stages) {
        const [stage] = await Promise.allSettled([staged]);
        if (stage.status === 'fulfilled') this.#parts.keeperOf(node).tell.discard({ staged: stage.value });
      }
    }
    this.#parts.bulk.revoke(this.#ticket.ticket);
  }

  #stage(node: string): Promise<string> {
    const { work, keeperOf, deadlineMs } = this.#parts;
    const order = { chunk: work.chunk, from: this.#ticket, token: work.token };
    const staged = blamed(node, keeperOf(node).ask.stage(order, { deadlineMs })).then(
      (answer) => answer.staged,
    );
    // The broadcast must not wait for a puller that will not come; `commit` sees the error itself.
    staged.catch((error: unknown) => this.#broadcast.fail(LoomError.from(error)));
    return staged;
  }
}

async function blamed<T>(node: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    throw new TargetFailed(node, LoomError.from(thrown));
  }
}
