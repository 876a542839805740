import { findName } from '../actors/pipeline/job-store.ts';
import { fetchManifest } from '../actors/pipeline/manifest-object.ts';
import type { Manifest, NameEntry } from '../actors/pipeline/messages.ts';
import { readDataset } from '../actors/pipeline/read-dataset.ts';
import { type PipelineOfNode, startPipeline } from '../actors/pipeline/start-pipeline.ts';
import type { Checksum } from '../ports/checksum.ts';
import { LoomError } from '../ports/loom-error.ts';
import { makeDurableDirectory } from '../runtime/journal/durable-directory.ts';
import { type DatasetBook, sourceFolder, type Wanted } from './dataset-book.ts';
import type { WorkPlace } from './life.ts';

export interface PipelineLoadParts {
  readonly place: WorkPlace;
  readonly book: DatasetBook;
  readonly checksum: Checksum;
  readonly everyMs: number;
  readonly paused: () => boolean;
}

/** Soon enough for many a chunk not to have been read yet. */
const changeWithinMs = 60;

/** The folder of a node's process on its disk. */
export const nodeFolder = '/data';

/** The pipeline of one node, with clients on it that store data sets and read them back. */
export class PipelineLoad {
  readonly pipeline: PipelineOfNode;
  readonly #parts: PipelineLoadParts;

  private constructor(parts: PipelineLoadParts, pipeline: PipelineOfNode) {
    this.#parts = parts;
    this.pipeline = pipeline;
  }

  static async start(parts: PipelineLoadParts): Promise<PipelineLoad> {
    const { cluster, process: clock, random, disk, bulk, cloud, stop } = parts.place;
    await makeDurableDirectory(disk, nodeFolder);
    await makeDurableDirectory(disk, sourceFolder);
    const pipeline = await startPipeline(cluster, {
      ...{ clock, random, checksum: parts.checksum, disk, bulk, cloud },
      folder: nodeFolder,
      durability: 'power-safe',
      stopped: (error) => stop(error.message),
    });
    const load = new PipelineLoad(parts, pipeline);
    clock.after(random.float() * parts.everyMs, () => load.#step());
    return load;
  }

  /** The entry of a name; undefined when there is none. Throws what the registry says. */
  entry(name: string): Promise<NameEntry | undefined> {
    return findName(this.#parts.place.cluster.membership.handle, name);
  }

  manifest(entry: NameEntry): Promise<Manifest> {
    const { place, checksum } = this.#parts;
    const { signal } = new AbortController();
    const otherNodes = place.cluster.membership.view.members.map(({ node }) => node);
    return fetchManifest({
      entry,
      bulk: place.bulk,
      checksum,
      keeperOf: this.pipeline.keeperOf,
      otherNodes,
      signal,
    });
  }

  /** All bytes of a data set. Throws a LoomError when they cannot be had now. */
  async read(manifest: Manifest): Promise<Uint8Array> {
    const { place, checksum } = this.#parts;
    const parts: Uint8Array[] = [];
    for await (const { bytes } of readDataset({
      ...{ manifest, checksum, bulk: place.bulk, keeperOf: this.pipeline.keeperOf },
      ...{ preferNode: place.life.node, preferCloud: place.cloud, clock: place.process, stallMs: 5000 },
      signal: new AbortController().signal,
    }))
      parts.push(bytes);
    return Buffer.concat(parts);
  }

  #step(): void {
    const { place, paused, everyMs, book } = this.#parts;
    const { life, process, random } = place;
    if (life.endedMs !== undefined) return;
    process.after(random.float() * 2 * everyMs, () => this.#step());
    if (paused()) return;
    const known = [...book.wanted.values()].filter(({ manifest }) => manifest !== undefined);
    if (random.chance(0.5) || known.length === 0) void this.#ingest();
    else void this.#readBack(random.pick(known));
  }

  async #ingest(): Promise<void> {
    const { place, book, paused } = this.#parts;
    const wanted = book.draw(place.life.node);
    try {
      await this.#writeSource(wanted);
    } catch (thrown) {
      book.end(`source not written: ${LoomError.from(thrown).code}`);
      book.forget(wanted);
      return;
    }
    wanted.unknown = true;
    while (place.life.endedMs === undefined) {
      const asking = book.asking(place.life);
      try {
        const { path, name, chunkBytes, blockBytes } = wanted;
        const order = { path, name, chunkBytes, blockBytes, replicas: 3, minClouds: 2 };
        const ingestor = this.pipeline.ingestorOf(place.life.node);
        const { job } = await ingestor.ask.ingest(order, { deadlineMs: 10_000 });
        book.acknowledged(wanted, job);
        if (book.changeNextSource && wanted.bytes.length > 0) {
          book.changeNextSource = false;
          place.process.after(place.random.float() * changeWithinMs, () => this.#changeSource(wanted));
        }
        return;
      } catch (thrown) {
        const { code } = LoomError.from(thrown);
        book.end(`ingest: ${code}`);
        // An answer that was lost: the name is this client's own.
        if (code === 'ALREADY_EXISTS' || code === 'DISK_NOT_FOUND') return;
      } finally {
        asking.end();
      }
      do
        await new Promise<void>(
          (resolve) => void place.process.after(500 + place.random.below(2000), resolve),
        );
      while (paused());
    }
  }

  /** Writes to a source that is or was being ingested. */
  #changeSource(wanted: Wanted): void {
    const { path, bytes } = wanted;
    const { place, book } = this.#parts;
    wanted.changed = true;
    const write = async (): Promise<void> => {
      const file = await place.disk.open(path, 'write');
      try {
        const at = place.random.below(bytes.length);
        await file.write(new Uint8Array([(bytes[at] ?? 0) ^ 0x55]), at);
      } finally {
        await file.close();
      }
    };
    write().then(
      () => book.end('source changed'),
      (error: unknown) => book.end(`source not changed: ${LoomError.from(error).code}`),
    );
  }

  async #writeSource({ path, bytes }: Wanted): Promise<void> {
    const { disk } = this.#parts.place;
    const file = await disk.open(path, 'create');
    try {
      await file.write(bytes, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.syncDirectory(sourceFolder);
  }

  /** A read in the middle of it all: it may fail, it may not lie. */
  async #readBack(wanted: Wanted): Promise<void> {
    const { book } = this.#parts;
    try {
      const entry = await this.entry(wanted.name);
      if (entry?.manifest === undefined) return;
      book.read(wanted, await this.read(await this.manifest(entry)));
    } catch (thrown) {
      book.end(`read: ${thrown instanceof LoomError ? thrown.code : String(thrown)}`);
    }
  }
}
