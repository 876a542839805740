import type { BulkAttachment, BulkBlock } from '../../ports/bulk.ts';
import type { Checksum, Hasher } from '../../ports/checksum.ts';
import type { Clock } from '../../ports/clock.ts';
import { LoomError } from '../../ports/loom-error.ts';
import type { AskableKeeper } from './manifest-object.ts';
import type { Manifest, ManifestChunk } from './messages.ts';

export interface ChunkReading {
  readonly keeperOf: (node: string) => AskableKeeper;
  readonly bulk: BulkAttachment;
  readonly checksum: Checksum;
  /** Replicas on this node, then those in this cloud, are read first. */
  readonly preferNode?: string;
  readonly preferCloud?: string;
  /** With a clock, a replica that gives no block for `stallMs` (default 30,000) is left for another one. */
  readonly clock?: Clock;
  readonly stallMs?: number;
  readonly signal: AbortSignal;
}

/** One chunk on its way from its replicas to a reader, one block ahead of it. Begun at once; ends with its signal. */
export class ChunkRead {
  readonly index: number;
  readonly #blocks: AsyncGenerator<BulkBlock, undefined>;
  #ahead: Promise<IteratorResult<BulkBlock, undefined>>;

  constructor(manifest: Manifest, chunk: ManifestChunk, reading: ChunkReading) {
    this.index = chunk.index;
    this.#blocks = verifiedBlocks(manifest, chunk, reading);
    this.#ahead = this.#fetch();
  }

  async next(): Promise<BulkBlock | undefined> {
    const step = await this.#ahead;
    if (step.done === true) return undefined;
    this.#ahead = this.#fetch();
    return step.value;
  }

  /** Gives back what the read holds. Its signal must have been aborted, so that it waits for nothing. */
  async close(): Promise<void> {
    await this.#blocks.return(undefined);
  }

  #fetch(): Promise<IteratorResult<BulkBlock, undefined>> {
    const step = this.#blocks.next();
    // Whoever asks for the block gets its failure; nobody does when the reader has gone.
    step.catch(() => undefined);
    return step;
  }
}

/** The chunk's blocks, each verified, from one replica after another. */
async function* verifiedBlocks(
  manifest: Manifest,
  chunk: ManifestChunk,
  reading: ChunkReading,
): AsyncGenerator<BulkBlock, undefined> {
  const check = new ChunkCheck(manifest, chunk, reading.checksum);
  const causes: string[] = [];
  const replicas = inOrderOfPreference(chunk, reading);
  if (chunk.blockCount === 0) check.empty();
  for (
    let node = replicas.shift();
    node !== undefined && check.passed < chunk.blockCount;
    node = replicas.shift()
  ) {
    const before = check.passed;
    const pull = new ReplicaPull(manifest, chunk, node, reading);
    try {
      for (let block = await pull.next(before); block !== undefined; block = await pull.next(before)) {
        check.take(block);
        yield block;
      }
      if (check.passed < chunk.blockCount) throw check.mismatch(`only ${check.passed} blocks came`);
    } catch (thrown) {
      const { signal } = reading;
      if (signal.aborted) throw LoomError.from(signal.reason, 'CANCELLED');
      const error = LoomError.from(thrown);
      if (check.broken) throw error;
      causes.push(`${node}: ${error.message}`);
      // A replica that got on and was cut off may be asked again: each time it does, there is less to read.
      if (check.passed > before && error.code !== 'CHECKSUM_MISMATCH') replicas.push(node);
    } finally {
      await pull.close();
    }
  }
  if (check.passed === chunk.blockCount) return undefined;
  const where = `chunk ${chunk.index} of ${manifest.name}`;
  throw new LoomError('UNREADABLE', `${where}: ${causes.join('; ') || 'it has no replicas'}`, {
    details: { dataset: manifest.dataset, index: chunk.index },
  });
}

/** What a chunk's blocks must be, whoever gave them. */
class ChunkCheck {
  /** Blocks that were found right. */
  passed = 0;
  /** The chunk as a whole does not verify although each block does: no replica can mend what was yielded. */
  broken = false;
  readonly #manifest: Manifest;
  readonly #chunk: ManifestChunk;
  readonly #checksum: Checksum;
  #hasher: Hasher;

  constructor(manifest: Manifest, chunk: ManifestChunk, checksum: Checksum) {
    this.#manifest = manifest;
    this.#chunk = chunk;
    this.#checksum = checksum;
    this.#hasher = checksum.blake3();
  }

  take({ index, bytes, crc32c }: BulkBlock): void {
    const { blockBytes } = this.#manifest;
    const { storedBytes, blockCount } = this.#chunk;
    if (index !== this.passed || index >= blockCount) throw this.mismatch(`block ${index} came out of order`);
    const length = Math.min(blockBytes, storedBytes - index * blockBytes);
    if (bytes.length !== length) throw this.mismatch(`block ${index} has ${bytes.length} bytes of ${length}`);
    if (this.#checksum.crc32c(bytes) !== crc32c) throw this.mismatch(`block ${index} does not verify`);
    this.#hasher.update(bytes);
    if (index + 1 === blockCount) this.#checkHash();
    this.passed++;
  }

  empty(): void {
    this.#checkHash();
  }

  mismatch(what: string): LoomError {
    const { dataset, name } = this.#manifest;
    const { index } = this.#chunk;
    return new LoomError('CHECKSUM_MISMATCH', `chunk ${index} of ${name}: ${what}`, {
      details: { dataset, index },
    });
  }

  #checkHash(): void {
    if (this.#hasher.digestHex() === this.#chunk.blake3) return;
    this.broken = this.passed > 0;
    // Nothing was yielded yet, so another replica may still give the right bytes.
    this.#hasher = this.#checksum.blake3();
    throw this.mismatch('its BLAKE3 differs');
  }
}

/** The blocks of one replica. Each step ends when the replica stalls. */
class ReplicaPull {
  readonly #node: string;
  readonly #chunk: ManifestChunk;
  readonly #dataset: string;
  readonly #reading: ChunkReading;
  readonly #stalled: AbortController = new AbortController();
  #blocks: AsyncIterator<BulkBlock> | undefined;

  constructor(manifest: Manifest, chunk: ManifestChunk, node: string, reading: ChunkReading) {
    this.#node = node;
    this.#chunk = chunk;
    this.#dataset = manifest.dataset;
    this.#reading = reading;
  }

  async next(fromBlock: number): Promise<BulkBlock | undefined> {
    const { clock, stallMs = defaultStallMs } = this.#reading;
    const timer = clock?.after(stallMs, () => {
      this.#stalled.abort(new LoomError('DEADLINE_EXCEEDED', `no block for ${stallMs} ms`));
    });
    try {
      this.#blocks ??= await this.#open(fromBlock);
      const step = await this.#blocks.next();
      return step.done === true ? undefined : step.value;
    } finally {
      timer?.cancel();
    }
  }

  async close(): Promise<void> {
    await this.#blocks?.return?.();
  }

  async #open(fromBlock: number): Promise<AsyncIterator<BulkBlock>> {
    const { keeperOf, bulk, stallMs = defaultStallMs } = this.#reading;
    const signal = AbortSignal.any([this.#reading.signal, this.#stalled.signal]);
    const { index, blake3 } = this.#chunk;
    const key = { dataset: this.#dataset, index, blake3 };
    const { from } = await keeperOf(this.#node).ask.offerChunk(key, { deadlineMs: stallMs, signal });
    return bulk.pull(from, fromBlock, signal)[Symbol.asyncIterator]();
  }
}

/** Nearer replicas first; among equally near ones each chunk begins with another, so that all are read from. */
function inOrderOfPreference(chunk: ManifestChunk, { preferNode, preferCloud }: ChunkReading): string[] {
  const { replicas, index } = chunk;
  const far = ({ node, cloud }: ManifestChunk['replicas'][number]): number =>
    node === preferNode ? 0 : cloud === preferCloud ? 1 : 2;
  const turned = replicas.map((_, i) => replicas[(i + index) % replicas.length] as (typeof replicas)[number]);
  return turned.sort((a, b) => far(a) - far(b)).map(({ node }) => node);
}

const defaultStallMs = 30_000;
