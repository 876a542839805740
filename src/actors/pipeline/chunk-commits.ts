import { LoomError } from '../../ports/loom-error.ts';
import type { ChunkStaging, StagedChunk } from './chunk-staging.ts';
import type { ChunkStore } from './chunk-store.ts';
import type { Fences } from './fences.ts';
import type { ChunkIdentity, ChunkSeal, WorkToken } from './messages.ts';

interface Commit {
  readonly dataset: string;
  readonly seal: ChunkSeal;
  readonly done: Promise<number>;
}

/** Answers of commits that are remembered, for callers that did not hear theirs. */
const rememberedCommits = 256;

/** Makes staged chunks durable. */
export class ChunkCommits {
  readonly #store: ChunkStore;
  readonly #fences: Fences;
  readonly #staging: ChunkStaging;
  readonly #commits: Map<string, Commit> = new Map();
  readonly #running: Map<Promise<number>, string> = new Map();

  constructor(store: ChunkStore, fences: Fences, staging: ChunkStaging) {
    this.#store = store;
    this.#fences = fences;
    this.#staging = staging;
  }

  /** Commits what was staged under a name and answers its bytes; a repetition gets the answer of the first. */
  commit(name: string, seal: ChunkSeal, token: WorkToken): Promise<number> {
    const earlier = this.#commits.get(name);
    if (earlier !== undefined && sameSeal(earlier.seal, seal)) return earlier.done;
    const staged = this.#staging.find(name);
    if (staged === undefined || !sameToken(staged.token, token)) {
      return Promise.reject(new LoomError('NO_SUCH_STAGE', `nothing is staged under ${name} for this try`));
    }
    this.#staging.take(name);
    const done = this.place(staged, seal);
    this.#remember(name, { dataset: staged.chunk.dataset, seal, done });
    return done;
  }

  /** Commits a staged chunk that has no name. Its part has ended afterwards. */
  place(staged: StagedChunk, seal: ChunkSeal): Promise<number> {
    const done = this.#place(staged, seal).finally(() => this.#running.delete(done));
    this.#running.set(done, staged.chunk.dataset);
    return done;
  }

  /** Whether the store has this very chunk already. */
  has(chunk: ChunkIdentity, seal: ChunkSeal): boolean {
    const { dataset, index, blockBytes } = chunk;
    const known = this.#store.find({ dataset, index, hash: seal.blake3 })?.header;
    return (
      known !== undefined &&
      known.storedBytes === seal.storedBytes &&
      known.sourceHash === seal.sourceBlake3 &&
      known.blockBytes === blockBytes
    );
  }

  /** Resolves when no commit of the data set runs any more, however they ended. */
  async settled(dataset: string): Promise<void> {
    const running = [...this.#running].filter(([, each]) => each === dataset).map(([done]) => done);
    await Promise.allSettled(running);
  }

  async #place({ chunk, token, part, bytes, blocks }: StagedChunk, seal: ChunkSeal): Promise<number> {
    try {
      await this.#fences.raise(chunk.dataset, token.coordinator);
      // A newer coordinator may have come while the fence was made durable.
      this.#fences.check(chunk.dataset, token.coordinator);
      if (bytes !== seal.storedBytes || blocks !== seal.blockCount) {
        const [came, sealed] = [
          `${bytes} bytes in ${blocks} blocks`,
          `${seal.storedBytes} in ${seal.blockCount}`,
        ];
        throw new LoomError(
          'CHECKSUM_MISMATCH',
          `chunk ${chunk.index} of ${chunk.dataset}: ${came} came of ${sealed}`,
        );
      }
      if (!this.has(chunk, seal)) await part.commit(seal);
      return bytes;
    } finally {
      await part.close();
    }
  }

  #remember(name: string, commit: Commit): void {
    this.#commits.set(name, commit);
    commit.done.catch(() => this.#commits.delete(name));
    const [oldest] = this.#commits.keys();
    if (this.#commits.size > rememberedCommits && oldest !== undefined) this.#commits.delete(oldest);
  }
}

function sameToken(a: WorkToken, b: WorkToken): boolean {
  return a.coordinator === b.coordinator && a.attempt === b.attempt;
}

function sameSeal(a: ChunkSeal, b: ChunkSeal): boolean {
  return (
    a.storedBytes === b.storedBytes &&
    a.blake3 === b.blake3 &&
    a.sourceBlake3 === b.sourceBlake3 &&
    a.blockCount === b.blockCount
  );
}
