import type { BulkBlock } from '../../ports/bulk.ts';
import type { TimerHandle } from '../../ports/clock.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { After } from './chunk-offers.ts';
import type { ChunkStore, ChunkWriter, StoredChunk } from './chunk-store.ts';
import type { ChunkIdentity, ChunkSeal, WorkToken } from './messages.ts';

/** A chunk that is being written under a temporary name. `close` ends it and removes what was written. */
export interface ChunkPart {
  append(block: BulkBlock): Promise<void>;
  commit(seal: ChunkSeal): Promise<StoredChunk>;
  close(): Promise<void>;
}

/** The writing side of a chunk store, with parts that the end of an incarnation closes. */
export class ChunkParts {
  readonly #store: ChunkStore;

  constructor(store: ChunkStore) {
    this.#store = store;
  }

  async begin(chunk: ChunkIdentity, token: WorkToken, maxStoredBytes?: number): Promise<ChunkPart> {
    const { chunkCount, ...identity } = chunk;
    const { coordinator, attempt } = token;
    const writer = await this.#store.begin(
      { ...identity, count: chunkCount, token: coordinator, attempt },
      maxStoredBytes,
    );
    return {
      append: (block) => writer.append(block),
      commit: ({ storedBytes, blake3, sourceBlake3 }) =>
        writer.commit({ storedBytes, storedHash: blake3, sourceHash: sourceBlake3 }),
      close: () => aborted(writer),
    };
  }
}

async function aborted(writer: ChunkWriter): Promise<void> {
  try {
    await writer.abort();
  } catch (thrown) {
    // What the disk did not remove lies under a temporary name, where the next open of the store removes it.
    if (!(thrown instanceof LoomError)) throw thrown;
  }
}

/** A chunk whose blocks are all there, verified block by block, and which is not committed yet. */
export interface StagedChunk {
  readonly chunk: ChunkIdentity;
  readonly token: WorkToken;
  readonly part: ChunkPart;
  readonly bytes: number;
  readonly blocks: number;
}

export interface StagingLimits {
  /** Staged chunks at once. */
  readonly staged: number;
  /** Milliseconds after which a staged chunk that nobody commits is discarded. */
  readonly stagedMs: number;
}

/** The staged chunks of one incarnation of a keeper, by name. A restart begins with none. */
export class ChunkStaging {
  readonly #after: After;
  readonly #limits: StagingLimits;
  readonly #incarnation: number;
  readonly #staged: Map<string, { readonly chunk: StagedChunk; readonly timer: TimerHandle }> = new Map();
  #names = 0;

  constructor(after: After, limits: StagingLimits, incarnation: number) {
    this.#after = after;
    this.#limits = limits;
    this.#incarnation = incarnation;
  }

  get count(): number {
    return this.#staged.size;
  }

  /** Keeps a staged chunk under a new name. KEEPER_BUSY, and the chunk is discarded, when there are too many. */
  async add(chunk: StagedChunk): Promise<string> {
    if (this.#staged.size >= this.#limits.staged) {
      await chunk.part.close();
      throw new LoomError('KEEPER_BUSY', `${this.#staged.size} staged chunks wait for their commit`);
    }
    // A name of an earlier process must not name another chunk: so it says which chunk and try it is.
    const { dataset, index } = chunk.chunk;
    const { coordinator, attempt } = chunk.token;
    const name = `${dataset}/${index}/${coordinator}.${attempt}/${this.#incarnation}.${++this.#names}`;
    const timer = this.#after(this.#limits.stagedMs, () => void this.discard(name));
    this.#staged.set(name, { chunk, timer });
    return name;
  }

  find(name: string): StagedChunk | undefined {
    return this.#staged.get(name)?.chunk;
  }

  /** Takes a staged chunk out: its caller commits or closes it. */
  take(name: string): StagedChunk | undefined {
    const entry = this.#staged.get(name);
    this.#staged.delete(name);
    entry?.timer.cancel();
    return entry?.chunk;
  }

  async discard(name: string): Promise<void> {
    await this.take(name)?.part.close();
  }

  async discardDataset(dataset: string): Promise<void> {
    const names = [...this.#staged]
      .filter(([, { chunk }]) => chunk.chunk.dataset === dataset)
      .map(([name]) => name);
    await Promise.all(names.map((name) => this.discard(name)));
  }

  async discardAll(): Promise<void> {
    await Promise.all([...this.#staged.keys()].map((name) => this.discard(name)));
  }
}
