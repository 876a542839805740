import type { BulkAttachment, BulkTicket } from '../../ports/bulk.ts';
import type { Checksum } from '../../ports/checksum.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { AskClient } from '../../runtime/client.ts';
import type { ChunkCommits } from './chunk-commits.ts';
import type { ChunkParts, StagedChunk } from './chunk-staging.ts';
import type { ChunkStore } from './chunk-store.ts';
import type { Fences } from './fences.ts';
import type { ChunkIdentity, ChunkSeal, Keeper, WorkToken } from './messages.ts';
import { pullBlocks, pullObject } from './pull-blocks.ts';

export interface KeeperTransferParts {
  readonly store: ChunkStore;
  readonly parts: ChunkParts;
  readonly fences: Fences;
  readonly commits: ChunkCommits;
  readonly bulk: BulkAttachment;
  readonly checksum: Checksum;
  /** Bytes of objects in memory at once. */
  readonly objectBytes: number;
}

/** How a keeper fetches bytes: each piece of work ends with its signal and leaves no part behind when it fails. */
export class KeeperTransfers {
  readonly #parts: KeeperTransferParts;
  #objectBytes = 0;

  constructor(parts: KeeperTransferParts) {
    this.#parts = parts;
  }

  /** Pulls a chunk's blocks into a temporary file; the store checks each one. */
  async stage(
    order: { readonly chunk: ChunkIdentity; readonly from: BulkTicket; readonly token: WorkToken },
    signal: AbortSignal,
    storedBytes?: number,
  ): Promise<StagedChunk> {
    const { chunk, from, token } = order;
    const { parts, fences, bulk } = this.#parts;
    fences.check(chunk.dataset, token.coordinator);
    await this.#checkRoom(storedBytes ?? chunk.sourceBytes);
    const part = await parts.begin(chunk, token, storedBytes);
    try {
      const { bytes, blocks } = await pullBlocks(bulk, from, signal, (block) => part.append(block));
      fences.check(chunk.dataset, token.coordinator);
      return { chunk, token, part, bytes, blocks };
    } catch (thrown) {
      await part.close();
      throw thrown;
    }
  }

  /** Fetches a chunk from a keeper that has it, and commits it. */
  async copy(
    order: { readonly chunk: ChunkIdentity; readonly seal: ChunkSeal; readonly token: WorkToken },
    source: AskClient<typeof Keeper>,
    deadlineMs: number,
    signal: AbortSignal,
  ): Promise<number> {
    const { chunk, seal, token } = order;
    const { fences, commits } = this.#parts;
    fences.check(chunk.dataset, token.coordinator);
    if (commits.has(chunk, seal)) {
      await fences.raise(chunk.dataset, token.coordinator);
      return seal.storedBytes;
    }
    const { dataset, index } = chunk;
    const offered = await source.offerChunk({ dataset, index, blake3: seal.blake3 }, { deadlineMs, signal });
    const staged = await this.stage({ chunk, from: offered.from, token }, signal, seal.storedBytes);
    return commits.place(staged, seal);
  }

  async keepObject(
    order: {
      readonly from: BulkTicket;
      readonly blake3: string;
      readonly bytes: number;
      readonly owner: string;
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { store, bulk, checksum } = this.#parts;
    const { bytes, blake3, owner } = order;
    if (this.#objectBytes > 0 && this.#objectBytes + bytes > this.#parts.objectBytes) {
      throw new LoomError('KEEPER_BUSY', `${this.#objectBytes} bytes of objects are being fetched`);
    }
    this.#objectBytes += bytes;
    try {
      const known = await this.#knownObject(blake3);
      await this.#checkRoom(known === undefined ? bytes : 0);
      await store.putObject(known ?? (await pullObject(bulk, checksum, order, signal)), { owner });
    } finally {
      this.#objectBytes -= bytes;
    }
  }

  /** The object when the store has it and it verifies: then only an owner is added. */
  async #knownObject(blake3: string): Promise<Uint8Array | undefined> {
    const { store } = this.#parts;
    if (!store.hasObject(blake3)) return undefined;
    try {
      return await store.getObject(blake3);
    } catch (thrown) {
      if (LoomError.from(thrown).code !== 'CHECKSUM_MISMATCH') throw thrown;
      return undefined;
    }
  }

  /** Refuses before any byte moves what the disk has no room for. */
  async #checkRoom(bytes: number): Promise<void> {
    if (bytes === 0) return;
    const { freeBytes } = await this.#parts.store.space();
    if (freeBytes < bytes) throw new LoomError('DISK_FULL', `${freeBytes} bytes are free of ${bytes}`);
  }
}
