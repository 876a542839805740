import type { BulkAttachment, BulkSource, BulkTicket } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import type { TimerHandle } from '../../ports/clock.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { ActorRef } from '../../runtime/actor-ref.ts';
import { type Behavior, behavior } from '../../runtime/behavior.ts';
import type { Deferred, Turn } from '../../runtime/turn.ts';
import { ChunkCommits } from './chunk-commits.ts';
import { ChunkOffers } from './chunk-offers.ts';
import { ChunkParts, ChunkStaging } from './chunk-staging.ts';
import type { ChunkStore } from './chunk-store.ts';
import type { Fences } from './fences.ts';
import { forgetDataset } from './forget-dataset.ts';
import { type KeeperLimits, keeperLimits } from './keeper-limits.ts';
import { KeeperTransfers } from './keeper-transfers.ts';
import { Keeper } from './messages.ts';
import { objectBlocks } from './object-blocks.ts';
import { Transfers } from './transfers.ts';
import { WaitingLine } from './waiting-line.ts';

export interface KeeperParts {
  readonly store: ChunkStore;
  readonly fences: Fences;
  readonly bulk: BulkAttachment;
  readonly checksum: Checksum;
  readonly keeperOf: (node: string) => ActorRef<typeof Keeper>;
  readonly limits?: Partial<KeeperLimits>;
  /** Told once when a sync has failed: writes are refused until the store is opened anew, reads go on. */
  readonly stopped?: (error: LoomError) => void;
}

/**
 * StorageManager, one on each node: takes chunks in two steps (staged, then committed), hands them out verified.
 *
 * S1. No turn waits for the disk or the network: work runs beside the turns, bounded in number, and ends with its
 *     caller, its deadline or the incarnation, whichever comes first.
 * S2. What is acknowledged by `commit`, `copy` or `keepObject` is kept (C1 of the store), and its fence was durable
 *     before (F2 of the fences).
 * S3. What is not committed leaves nothing: a staged chunk ends by commit, `discard`, expiry, or the incarnation.
 * S4. The keeper fails no turn for what the disk or a peer does: the caller gets the error, others are served on.
 */
export function storageKeeper(given: KeeperParts): Behavior<typeof Keeper> {
  const limits = { ...keeperLimits, ...given.limits };
  let told = false;
  function noteStopped(error: unknown): void {
    if (told || !(error instanceof LoomError) || error.code !== 'STORE_STOPPED') return;
    told = true;
    given.stopped?.(error);
  }

  return behavior(Keeper, (ctx) => {
    const store = ctx.port(given.store);
    const fences = ctx.port(given.fences);
    const bulk = ctx.port(given.bulk);
    const { checksum } = given;
    const after = (delayMs: number, run: () => void): TimerHandle => ctx.after(delayMs, run);
    const staging = new ChunkStaging(after, limits, ctx.incarnation);
    const commits = new ChunkCommits(store, fences, staging);
    const parts = ctx.port(new ChunkParts(given.store));
    const work = new KeeperTransfers({ store, parts, fences, commits, bulk, checksum, ...limits });
    const transfers = new Transfers(limits.transfers);
    const verifies = new WaitingLine(limits.verifies, limits.verifiesWaiting);
    // The raw attachment: what was offered is also revoked when the incarnation's own ports are gone already.
    const offers = new ChunkOffers(given.bulk, after, limits);
    // Handles of a port are closed however an incarnation ends, also by a kill.
    const held = ctx.port({ hold: (handle: { close(): void }): { close(): void } => handle });
    held.hold(offers);
    held.hold(transfers);
    ctx.onStop(() => staging.discardAll());
    for (const { dataset, token } of store.headers()) {
      if (token > fences.seen(dataset)) fences.check(dataset, token);
    }

    /** Takes the reply out of the turn and gives it when `run` has ended. */
    function beside<T>(turn: Turn<T>, run: (reply: Deferred<T>) => Promise<T>): Deferred<T> {
      const reply = turn.defer();
      ctx.pipe(run(reply), (settled) => {
        if (settled.ok) {
          reply.resolve(settled.value);
          return;
        }
        noteStopped(settled.error);
        reply.reject(settled.error);
      });
      return reply;
    }

    let sweeping: TimerHandle | undefined;
    function transfer<T>(
      turn: Turn<T>,
      dataset: string,
      run: (signal: AbortSignal, reply: Deferred<T>) => Promise<T>,
    ): Deferred<T> {
      const deferred = beside(turn, (reply) =>
        transfers.run(
          dataset,
          () => reply.wanted,
          ({ signal }) => run(signal, reply),
        ),
      );
      sweeping ??= ctx.every(limits.sweepMs, () => {
        transfers.sweep();
        if (transfers.count > 0) return;
        sweeping?.cancel();
        sweeping = undefined;
      });
      return deferred;
    }

    function offer(blocks: BulkSource['blocks']): { readonly node: string; readonly ticket: string } {
      const { node, ticket }: BulkTicket = offers.offer(blocks);
      return { node, ticket };
    }

    return {
      stage: (order, turn) =>
        transfer(turn, order.chunk.dataset, async (signal, reply) => {
          const staged = await work.stage(order, signal);
          if (signal.aborted || !reply.wanted) {
            await staged.part.close();
            throw new LoomError('CANCELLED', 'nobody waits for the staged chunk any more');
          }
          return { staged: await staging.add(staged), bytes: staged.bytes, blocks: staged.blocks };
        }),
      commit: ({ staged, seal, token }, turn) =>
        beside(turn, async () => ({ bytes: await commits.commit(staged, seal, token) })),
      discard: ({ staged }) => {
        ctx.pipe(staging.discard(staged), (settled) => {
          if (!settled.ok) throw settled.error;
        });
      },
      copy: (order, turn) => {
        const { ask } = ctx.aside(given.keeperOf(order.fromNode));
        const deadlineMs = Math.min(turn.remainingMs, maxOfferMs);
        return transfer(turn, order.chunk.dataset, async (signal) => ({
          bytes: await work.copy(order, ask, deadlineMs, signal),
        }));
      },
      offerChunk: ({ dataset, index, blake3 }, turn) =>
        beside(turn, async () => {
          const key = { dataset, index, hash: blake3 };
          const header = store.find(key)?.header;
          if (header === undefined) throw new LoomError('NO_SUCH_CHUNK', `chunk ${index} of ${dataset}`);
          const from = offer((fromBlock, signal) => store.read(key, fromBlock, signal));
          const { storedBytes: bytes, blockBytes } = header;
          return { from, bytes, blocks: Math.ceil(bytes / blockBytes), blockBytes };
        }),
      verifyChunk: ({ dataset, index, blake3 }, turn) =>
        beside(turn, (reply) =>
          verifies.run(
            () => reply.wanted,
            async () => {
              const verdict = await store.verify({ dataset, index, hash: blake3 });
              return verdict.ok
                ? { ok: true }
                : { ok: false, reason: `${verdict.reason}: ${verdict.detail}` };
            },
          ),
        ),
      keepObject: (order, turn) =>
        transfer(turn, order.owner, async (signal) => {
          await work.keepObject(order, signal);
          return {};
        }),
      offerObject: ({ blake3 }, turn) =>
        beside(turn, async () => {
          const object = store.objects().find(({ hash }) => hash === blake3);
          if (object === undefined) throw new LoomError('NO_SUCH_CHUNK', `object ${blake3}`);
          const read = (): Promise<Uint8Array> => store.getObject(blake3);
          return {
            from: offer((fromBlock, signal) => objectBlocks(checksum, read, fromBlock, signal)),
            bytes: object.bytes,
          };
        }),
      forgetDataset: ({ dataset }, turn) =>
        beside(turn, async () => {
          transfers.cancelDataset(dataset);
          return { chunks: await forgetDataset(dataset, { store, fences, staging, commits }) };
        }),
      space: (_, turn) =>
        beside(turn, async () => {
          const { freeBytes, totalBytes } = await store.space();
          return { freeBytes, totalBytes, chunks: store.list().length, chunkBytes: store.bytesStored };
        }),
    };
  });
}

/** The longest that a keeper waits for another's offer. */
const maxOfferMs = 30_000;
